// Files on their way to the server. XMLHttpRequest tells how far they are; fetch does not.

import { csrfToken } from "./entrance";

interface Taken {
  upload: string;
}

export function uploadFile(file: File, progress: (share: number) => void): { done: Promise<Taken>; cancel: () => void } {
  const request = new XMLHttpRequest();
  const done = new Promise<Taken>((resolve, reject) => {
    request.open("POST", `upload?name=${encodeURIComponent(file.name || "picture.png")}`);
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.setRequestHeader("x-mox-csrf", csrfToken());
    request.upload.onprogress = ({ loaded, total }) => progress(total ? Math.min(0.99, loaded / total) : 0);
    request.onload = () => {
      try {
        const answer = JSON.parse(request.responseText) as Taken & { error?: { message: string } };
        if (answer.error) reject(new Error(answer.error.message));
        else resolve(answer);
      } catch {
        reject(new Error("The file could not be sent."));
      }
    };
    request.onerror = () => reject(new Error("The connection broke; attach the file again."));
    request.onabort = () => reject(new Error("Cancelled"));
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}
