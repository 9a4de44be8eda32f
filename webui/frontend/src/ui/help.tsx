// All keys.

import { COMMANDS } from "./keys";

const GROUPS = ["Go", "Read", "Act", "Write", "Page"] as const;
const SIGNS: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", PageDown: "Page ↓", PageUp: "Page ↑" };

export function Help() {
  return (
    <div class="help">
      {GROUPS.map((group) => (
        <section key={group}>
          <h3>{group}</h3>
          <dl>
            {COMMANDS.filter((command) => command.group === group).map(({ keys, name }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  {keys.map((key) => (
                    <kbd key={key}>{key.replace(/[A-Za-z]{3,}/g, (word) => SIGNS[word] ?? word)}</kbd>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <section>
        <h3>While writing</h3>
        <dl>
          <div>
            <dt>Send</dt>
            <dd>
              <kbd>Ctrl+Enter</kbd>
            </dd>
          </div>
          <div>
            <dt>Close and keep the draft</dt>
            <dd>
              <kbd>Esc</kbd>
            </dd>
          </div>
          <div>
            <dt>Save</dt>
            <dd>
              <kbd>Ctrl+s</kbd>
            </dd>
          </div>
        </dl>
      </section>
    </div>
  );
}
