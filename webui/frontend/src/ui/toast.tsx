// Short messages, and the place that screen readers listen to.

import { dismiss, said, toasts } from "../state/toasts";
import { Icon } from "./icons";

export function Toasts() {
  return (
    <>
      <div class="unseen" aria-live="polite" role="status">
        {said.value}
      </div>
      <div class="toasts">
        {toasts.value.map((toast) => (
          <div class={`toast ${toast.kind}`} key={toast.id}>
            {toast.kind === "wrong" && <Icon name="warn" />}
            <span>{toast.text}</span>
            {toast.action && (
              <button type="button" class="action" onClick={toast.action.run}>
                {toast.action.label}
              </button>
            )}
            <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}
