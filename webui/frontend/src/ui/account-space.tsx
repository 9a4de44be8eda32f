// The addresses of the account, and how much it holds.

import { live } from "../state/store";
import { count, many, size } from "../text/dates";
import { useCall } from "./account-parts";

interface Alias {
  address: string;
  members: string[];
  public: boolean;
  mayWriteAs: boolean;
}

export interface About {
  name: string;
  addresses: { address: string; catchall: boolean; mailbox: string }[];
  aliases: Alias[];
  used: number;
  messages: number;
  mailboxes: { name: string; messages: number; bytes: number }[];
  limit: number;
  messageLimit: number;
  perDay: number;
  newPerDay: number;
}

const LARGEST = 8;

function alias({ members, public: isPublic, mayWriteAs }: Alias): string {
  const told = [isPublic ? "anybody may write to it" : "members may write to it", mayWriteAs ? "you may write as it" : "you may not write as it"];
  return `${told.join(", ")}${members.length ? `. Members: ${members.join(", ")}` : ""}`;
}

function Space({ about }: { about: About }) {
  const { used, limit, messages, messageLimit } = about;
  return (
    <section>
      <h3>Space</h3>
      <p>
        {many(messages, "message")}
        {messageLimit ? ` of ${count(messageLimit)}` : ""}, {size(used)}
        {limit ? ` of ${size(limit)} (${Math.round((100 * used) / limit)} %)` : "; there is no limit"}
      </p>
      {limit > 0 && (
        <meter aria-label="Space that is used" min={0} max={limit} low={limit * 0.8} high={limit * 0.95} optimum={0} value={Math.min(used, limit)}>
          {size(used)} of {size(limit)}
        </meter>
      )}
      <ul class="bars" aria-label="The largest mailboxes">
        {about.mailboxes
          .filter(({ bytes }) => bytes > 0)
          .slice(0, LARGEST)
          .map((each) => (
            <li key={each.name}>
              <span>{each.name}</span>
              <progress max={Math.max(used, 1)} value={each.bytes} aria-label={`Share of ${each.name}`} />
              <small class="quiet">
                {size(each.bytes)}, {many(each.messages, "message")}
              </small>
            </li>
          ))}
      </ul>
    </section>
  );
}

export function SpacePages() {
  const { value: about } = useCall(() => live.call<About>("accountAbout"));
  if (!about) return <p class="quiet">Loading…</p>;
  return (
    <>
      <section>
        <h3>Addresses</h3>
        <p class="quiet">Your administrator adds and removes them. Each logs in with your password.</p>
        <ul class="lines">
          {about.addresses.map(({ address, catchall, mailbox }) => (
            <li key={address}>
              <span>
                <b>{address}</b> {catchall && <span class="badge">what no one else of the domain has</span>}
                {mailbox && mailbox !== "Inbox" && (
                  <>
                    <br />
                    <small class="quiet">goes to {mailbox}</small>
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
        {about.aliases.length > 0 && (
          <>
            <h4>Aliases that you belong to</h4>
            <ul class="lines">
              {about.aliases.map((each) => (
                <li key={each.address}>
                  <span>
                    <b>{each.address}</b>
                    <br />
                    <small class="quiet">{alias(each)}</small>
                  </span>
                </li>
              ))}
            </ul>
          </>
        )}
      </section>
      <Space about={about} />
      <section>
        <h3>Sending</h3>
        <p>
          {about.perDay ? `At most ${many(about.perDay, "recipient")} in 24 hours` : "Nothing may be sent"}
          {about.newPerDay && about.perDay ? `, ${count(about.newPerDay)} of them new ones.` : "."}
        </p>
      </section>
    </>
  );
}
