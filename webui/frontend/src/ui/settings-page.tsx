// What a user sets, and the pages of the account: what is chosen at the left is loaded and shown at the right.

import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { login } from "../state/store";
import { Icon, type IconName } from "./icons";
import { lazy } from "./lazy";
import { General } from "./settings-general";
import { MailSettings } from "./settings-mail";
import "../style/settings.css";

interface Section {
  id: string;
  label: string;
  icon: IconName;
  Page: FunctionComponent<object>;
}

const SECTIONS: Section[] = [
  { id: "general", label: "General", icon: "settings", Page: General },
  { id: "mail", label: "Names and rules", icon: "rule", Page: MailSettings },
  { id: "security", label: "Password and codes", icon: "lock", Page: lazy(() => import("./account-security").then(({ Security }) => Security)) },
  { id: "programs", label: "Programs", icon: "shield", Page: lazy(() => import("./account-programs").then(({ Programs }) => Programs)) },
  { id: "sessions", label: "Logins", icon: "user", Page: lazy(() => import("./account-sessions").then(({ SessionPages }) => SessionPages)) },
  { id: "space", label: "Addresses and space", icon: "mail", Page: lazy(() => import("./account-space").then(({ SpacePages }) => SpacePages)) },
  { id: "files", label: "Import and export", icon: "download", Page: lazy(() => import("./account-files").then(({ FilePages }) => FilePages)) },
  { id: "webhooks", label: "Webhooks", icon: "link", Page: lazy(() => import("./account-webhooks").then(({ WebhookPages }) => WebhookPages)) },
  { id: "keys", label: "API keys", icon: "label", Page: lazy(() => import("./account-keys").then(({ KeyPages }) => KeyPages)) },
  { id: "suppressions", label: "Suppression list", icon: "junk", Page: lazy(() => import("./account-suppressions").then(({ SuppressionPages }) => SuppressionPages)) },
];

/** The section that was looked at last. */
const chosen = signal("general");

export function SettingsPage() {
  const panel = useRef<HTMLDivElement>(null);
  const nav = useRef<HTMLElement>(null);
  const section = SECTIONS.find(({ id }) => id === chosen.value) ?? SECTIONS[0];
  useEffect(() => panel.current?.scrollTo(0, 0), [chosen.value]);
  useEffect(() => nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), []);
  if (!section) return null;
  const { id, label, Page } = section;
  return (
    <div class="settings-frame">
      <nav aria-label="Settings" ref={nav}>
        <ul>
          {SECTIONS.map((each) => (
            <li key={each.id}>
              <button type="button" aria-current={each.id === id ? "page" : undefined} onClick={() => (chosen.value = each.id)}>
                <Icon name={each.icon} />
                {each.label}
              </button>
            </li>
          ))}
        </ul>
        <p class="quiet">Logged in as {login.value}</p>
      </nav>
      <div class="settings" ref={panel} tabIndex={0} role="region" aria-label={label} key={id}>
        <Page />
      </div>
    </div>
  );
}
