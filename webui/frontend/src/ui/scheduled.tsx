// What waits for a time to come: let it leave now, or not at all.

import { useEffect } from "preact/hooks";
import { cancel, load, scheduled, sendNow } from "../state/scheduled";
import { full } from "../text/dates";
import { Icon } from "./icons";

export function ScheduledPage() {
  useEffect(() => void load(), []);
  if (!scheduled.value.length) {
    return (
      <div class="empty">
        <Icon name="clock" />
        <p>Nothing waits for a later time.</p>
      </div>
    );
  }
  return (
    <ul class="scheduled">
      {scheduled.value.map((each) => (
        <li key={each.queued}>
          <span class="when">{full(each.at)}</span>
          <bdi class="subject">{each.subject || "No subject"}</bdi>
          <span class="quiet">To {each.recipients.join(", ")}</span>
          <span class="does">
            <button type="button" onClick={() => void sendNow(each)}>
              Send now
            </button>
            <button type="button" onClick={() => void cancel(each)}>
              Cancel and edit
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}
