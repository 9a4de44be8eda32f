// How the webmail looks and behaves.

import { type Settings, settings, take } from "../state/settings";
import { live } from "../state/store";
import { message, wrong } from "../state/toasts";

async function store(change: Partial<Settings>): Promise<void> {
  const before = settings.value;
  take({ ...before, ...change });
  try {
    await live.call("settingsPut", { name: "webmail", value: settings.value });
  } catch (error) {
    take(before);
    wrong(`Not saved: ${message(error)}`);
  }
}

interface ChoiceProps<K extends keyof Settings> {
  name: K;
  label: string;
  note?: string;
  options: [Settings[K], string][];
}

function Choice<K extends keyof Settings>({ name, label, note, options }: ChoiceProps<K>) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {note && <p class="quiet">{note}</p>}
      <div>
        {options.map(([value, shown]) => (
          <label key={shown}>
            <input type="radio" name={name} checked={settings.value[name] === value} onChange={() => void store({ [name]: value })} />
            {shown}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function General() {
  return (
    <>
      <section>
        <h3>Looks</h3>
        <Choice name="theme" label="Colours" options={[["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
        <Choice name="layout" label="Message" options={[["beside", "Beside the list"], ["above", "Below the list"]]} />
        <Choice name="density" label="Rows" options={[["two", "Two lines"], ["one", "One line"]]} />
        <Choice name="threads" label="Conversations" note="Messages that answer each other are one row." options={[[true, "Together"], [false, "Each message by itself"]]} />
      </section>
      <section>
        <h3>Reading</h3>
        <Choice name="html" label="Messages that come in both forms" options={[[true, "As HTML"], [false, "As plain text"]]} />
        <Choice name="readAfter" label="A message is read after" options={[[0.5, "Half a second"], [3, "3 seconds"], [10, "10 seconds"]]} />
        <Choice name="after" label="After archiving or deleting" options={[["next", "Open the next one"], ["list", "Go back to the list"]]} />
      </section>
      <section>
        <h3>Writing</h3>
        <Choice name="rich" label="New messages" options={[[true, "Formatted text"], [false, "Plain text"]]} />
        <Choice name="undoSeconds" label="Sending can be taken back for" options={[[0, "Not at all"], [5, "5 seconds"], [10, "10 seconds"], [30, "30 seconds"]]} />
      </section>
    </>
  );
}
