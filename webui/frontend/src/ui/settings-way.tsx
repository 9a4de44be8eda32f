// The way to the settings, which are loaded when somebody wants them.

import { wrong } from "../state/toasts";
import { page } from "./asking";

export async function openSettings(): Promise<void> {
  try {
    const { SettingsPage } = await import("./settings-page");
    page("Settings", () => <SettingsPage />, true);
  } catch {
    wrong("The settings could not be loaded. Check your connection and try again.");
  }
}
