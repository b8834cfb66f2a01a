// The behaviour of the uploader for large files: sends them in pieces, goes on after a lost connection.
//
// A Sender belongs to one upload of the server, by its address, and lives outside the page's elements:
// Streamlit may build them anew at any time. A View shows the Sender of its address. Python believes
// the server's count of bytes, never this script: "finished" only asks the page to look.

const senders = new Map();
const views = new WeakMap();

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15000;
const STALL_MS = 30000;
const REMIND_MS = 10000;
const MOST_REMINDERS = 5;
const ORPHAN_MS = 10000;
const PACE_WINDOW_MS = 6000;
const SMALLEST_CHUNK = 256 * 1024;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".large-upload");
  if (!views.has(root)) views.set(root, new View(root));
  const view = views.get(root);
  view.report = () => setTriggerValue("finished", true);
  view.receive(data);
  return () => setTimeout(() => { if (!root.isConnected) view.leave(); });
}

// ---- sending -------------------------------------------------------------------------------------------------------

// The server says no, in words for the user.
class Refusal extends Error {
  constructor(status, answer) {
    super(answer?.message ?? "");
    this.status = status;
    this.hasWords = Boolean(answer?.message);
    this.isGone = status === 404 || status === 410;
    this.isFinal = this.hasWords && [400, 403, 413, 423, 503, 507].includes(status);
  }
}

class Sender {
  constructor(url) {
    this.url = url;
    this.phase = "idle"; // idle, sending, lost, done, failed
    this.view = null;
    this.words = "";
    this.files = [];
    this.sizes = [];
    this.onUnload = (event) => event.preventDefault();
    this.onOnline = () => this.wake?.();
  }

  get isBusy() { return this.phase === "sending" || this.phase === "lost"; }
  get total() { return this.files.reduce((sum, { file }) => sum + file.size, 0); }
  get sent() { return Math.min(this.total, this.sizes.reduce((sum, size) => sum + size, 0) + this.inFlight); }

  start(files, skipped, data) {
    Object.assign(this, { files, skipped, data, chunk: data.chunk_bytes });
    this.run();
  }

  async run() {
    const run = this.current = {}; // whatever an earlier run still waits for, it is over
    Object.assign(this, { phase: "sending", words: "", announced: false, sizes: [], inFlight: 0, marks: [] });
    this.isAcknowledged = false;
    this.failures = 0;
    this.lastProgress = performance.now();
    addEventListener("beforeunload", this.onUnload);
    addEventListener("online", this.onOnline);
    this.changed();
    while (this.current === run) {
      try {
        await this.attempt(run);
        if (this.current === run) this.end("done");
      } catch (problem) {
        if (this.current !== run) return;
        this.inFlight = 0;
        const words = await this.finalWords(problem);
        if (this.current !== run) return;
        if (words) this.end("failed", words);
        else await this.pauseAfter(problem);
      }
      if (!this.isBusy) return;
    }
  }

  async attempt(run) {
    if (!this.announced) {
      const list = this.files.map(({ file, name }) => ({ name, size: file.size, modified: Math.max(0, file.lastModified) }));
      this.sizes = (await this.ask("POST", "", JSON.stringify({ files: list }))).sizes;
      this.announced = true;
    } else if (this.failures) {
      this.sizes = (await this.ask("GET")).sizes;
    }
    this.marks = [];
    for (let number = 0; number < this.files.length; number += 1) {
      while (this.current === run && this.sizes[number] < this.files[number].file.size) await this.sendPiece(number);
      if (this.current !== run) return;
    }
  }

  async sendPiece(number) {
    const offset = this.sizes[number];
    this.number = number;
    const piece = this.files[number].file.slice(offset, offset + this.chunk);
    const { size } = await this.ask("PUT", `/${number}`, piece, { "Upload-Offset": String(offset) });
    this.sizes[number] = size;
    this.inFlight = 0;
    this.progressed();
  }

  // XMLHttpRequest, because fetch says nothing of the bytes on their way.
  ask(method, path = "", body = null, headers = {}) {
    return new Promise((resolve, reject) => {
      const request = this.request = new XMLHttpRequest();
      let stall;
      const waitAgain = () => {
        clearTimeout(stall);
        stall = setTimeout(() => request.abort(), STALL_MS);
      };
      request.open(method, this.url + path);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (method === "PUT") {
        request.upload.onprogress = ({ loaded }) => {
          waitAgain();
          if (this.request !== request) return;
          this.inFlight = loaded;
          this.progressed(false);
        };
      }
      request.onloadend = () => {
        clearTimeout(stall);
        let answer = null;
        try { answer = JSON.parse(request.responseText); } catch { /* not ours: a server in between */ }
        if (request.status >= 200 && request.status < 300 && answer) resolve(answer);
        else if (request.status) reject(new Refusal(request.status, answer));
        else reject(new Error("no connection"));
      };
      waitAgain();
      request.send(body);
    });
  }

  progressed(isKept = true) {
    const now = performance.now();
    if (isKept) {
      this.lastProgress = now;
      this.failures = 0;
    }
    this.marks.push([now, this.sent]);
    while (this.marks.length > 2 && now - this.marks[0][0] > PACE_WINDOW_MS) this.marks.shift();
    if (this.phase === "lost") this.phase = "sending";
    this.changed();
  }

  // Why there is no point in trying again; nothing where there is.
  async finalWords(problem) {
    if (problem instanceof Refusal) {
      if (problem.isGone) {
        this.announced = false; // the next attempt begins anew, where the page has an upload for it
        return this.failures > 6 ? "The server does not know this page any more. Reload the page and choose the files again." : "";
      }
      if (problem.status === 413 && !problem.hasWords && this.chunk > SMALLEST_CHUNK) {
        this.chunk /= 2; // a server in between has a limit of its own
        return "";
      }
      if (problem.isFinal) return problem.message;
      if (problem.status < 500 && !problem.hasWords && ![408, 429].includes(problem.status)) return `The server refused the files (${problem.status}). Ask whoever runs it.`;
    }
    const unreadable = await this.unreadableName();
    if (unreadable) return `${unreadable} can no longer be read from your disk. Choose the files again.`;
    if (performance.now() - this.lastProgress > 1000 * this.data.idle_seconds) {
      return "The connection did not come back. Try again when you are online.";
    }
    return "";
  }

  async unreadableName() {
    const { file, name } = this.files[this.number ?? 0];
    try {
      await file.slice(0, 1).arrayBuffer();
      return null;
    } catch {
      return name;
    }
  }

  async pauseAfter(problem) {
    this.failures += 1;
    this.phase = "lost";
    this.lostWords = problem instanceof Refusal && problem.status >= 500
      ? "The server is in trouble, trying again …" : "Connection lost, trying again …";
    this.changed();
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.failures - 1)) * (0.75 + Math.random() / 2);
    await new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, pause);
    });
  }

  async cancel() {
    this.stop();
    this.phase = "idle";
    this.words = "Cancelled. Nothing was kept.";
    this.changed();
    await this.forget();
  }

  // Ends what is under way without a word to the server.
  stop() {
    this.current = null;
    this.request?.abort();
    this.wake?.();
    this.release();
  }

  async forget() {
    try {
      await fetch(this.url, { method: "DELETE", keepalive: true, signal: AbortSignal.timeout(5000) });
    } catch { /* out of reach: the server removes it by itself */ }
  }

  end(phase, words = "") {
    this.current = null;
    this.phase = phase;
    this.words = words;
    this.release();
    this.changed();
    if (phase === "done") this.remind(0);
  }

  // Tells the page until it answers; a message may be lost with the connection.
  remind(count) {
    if (this.phase !== "done" || this.isAcknowledged || count > MOST_REMINDERS) return;
    this.view?.report();
    setTimeout(() => this.remind(count + 1), REMIND_MS);
  }

  release() {
    removeEventListener("beforeunload", this.onUnload);
    removeEventListener("online", this.onOnline);
  }

  changed() { this.view?.draw(); }

  get pace() { // bytes a second
    if (this.marks.length < 2) return 0;
    const [[start, before], [end, after]] = [this.marks[0], this.marks.at(-1)];
    return end - start < 400 ? 0 : Math.max(0, (1000 * (after - before)) / (end - start));
  }
}

// ---- choosing ------------------------------------------------------------------------------------------------------

// Of a folder, what the server reads: the rest stays on the user's computer.
function matters(path, { endings, skipped_folders: folders, skipped_files: files, zarr_files: zarr }) {
  if (new RegExp(zarr, "i").test(path)) return true;
  const parts = path.split("/");
  const name = parts.pop();
  return endings.some((ending) => name.toLowerCase().endsWith(ending))
    && !name.startsWith(".")
    && !/\.zarr\//i.test(path)
    && !parts.some((part) => folders.includes(part))
    && !new RegExp(files, "i").test(name);
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: entry.fullPath.replace(/^\/+/, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // browsers hand out a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const inner of some) found.push(...await filesOf(inner));
  }
}

// ---- showing -------------------------------------------------------------------------------------------------------

class View {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.${name}`);
    this.notice = "";
    this.noticeIsError = false;
    this.part("buttons").querySelector(".files").addEventListener("click", () => this.pick(false));
    this.part("buttons").querySelector(".folder").addEventListener("click", () => this.pick(true));
    this.part("folder").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
    this.part("cancel").addEventListener("click", () => this.sender.cancel());
    this.part("again").addEventListener("click", () => this.sender.run());
    const choose = this.part("choose");
    choose.addEventListener("dragover", (event) => { event.preventDefault(); choose.classList.add("over"); });
    choose.addEventListener("dragleave", () => choose.classList.remove("over"));
    choose.addEventListener("drop", (event) => this.onDrop(event));
  }

  receive(data) {
    this.data = data;
    if (this.sender?.url !== data.url) this.follow(data.url);
    clearTimeout(this.sender.orphaned);
    this.sender.view = this;
    if (data.is_finished) this.sender.isAcknowledged = true;
    this.draw();
  }

  // The page has another upload now: because it took the last one, or because it had to begin anew.
  follow(url) {
    const last = this.sender;
    if (last?.isBusy || last?.phase === "failed") {
      senders.delete(last.url);
      last.url = url;
      last.announced = false;
      senders.set(url, last);
      last.wake?.();
      return;
    }
    if (last) {
      senders.delete(last.url);
      this.notice = last.phase === "done" ? sentWords(last) : "";
      this.noticeIsError = false;
    }
    if (!senders.has(url)) senders.set(url, new Sender(url));
    this.sender = senders.get(url);
  }

  // The element is gone. If none takes its place, neither does anybody wait for the files.
  leave() {
    const sender = this.sender;
    if (sender?.view !== this) return;
    sender.view = null;
    sender.orphaned = setTimeout(() => {
      if (sender.view) return;
      senders.delete(sender.url);
      if (!sender.isBusy) return;
      sender.stop();
      sender.forget();
    }, ORPHAN_MS);
  }

  pick(isFolder) {
    const input = this.input = document.createElement("input"); // not in the page: nobody else should find it
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = isFolder;
    input.addEventListener("change", () => {
      const chosen = [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      if (isFolder) this.takeFolder(chosen);
      else this.take(chosen, 0);
    });
    input.click();
  }

  async onDrop(event) {
    event.preventDefault();
    this.part("choose").classList.remove("over");
    const files = [...event.dataTransfer.files].map((file) => ({ file, name: file.name }));
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) {
      this.take(files, 0);
      return;
    }
    try {
      const [loose, inFolders] = await Promise.all([true, false].map(async (isLoose) => (
        await Promise.all(entries.filter((entry) => entry.isFile === isLoose).map(filesOf))).flat()));
      this.takeFolder(inFolders, loose);
    } catch {
      this.say("What was dropped could not be read. Use the buttons instead.", true);
    }
  }

  takeFolder(files, loose = []) {
    const wanted = files.filter(({ name }) => matters(name, this.data));
    if (!wanted.length && !loose.length) {
      this.say(`There is no satellite picture in this folder: no file ends in ${this.data.endings.slice(0, 5).join(", ")} or the like.`, true);
      return;
    }
    this.take([...loose, ...wanted], files.length - wanted.length);
  }

  take(files, skipped) {
    if (!files.length || this.sender.isBusy) return;
    this.notice = "";
    const hadFocus = this.part("choose").contains(this.root.getRootNode().activeElement);
    this.sender.start(files, skipped, this.data);
    if (hadFocus) this.part("cancel").focus();
  }

  say(words, isError = false) {
    this.notice = words;
    this.noticeIsError = isError;
    this.draw();
  }

  draw() {
    const { sender } = this;
    const { phase } = sender;
    const hadFocus = this.part("running").contains(this.root.getRootNode().activeElement);
    const isRunning = sender.isBusy;
    this.part("hint").textContent = `Or drop them here. Up to ${this.data.most}; only what is needed of a .SAFE or .zarr folder is sent.`;
    this.part("choose").hidden = isRunning || phase === "done";
    this.part("running").hidden = !isRunning;
    this.part("running").classList.toggle("lost", phase === "lost");
    this.part("again").hidden = phase !== "failed";
    if (isRunning) this.drawProgress();
    this.drawWords();
    if (hadFocus && !isRunning && phase !== "done") this.part(phase === "failed" ? "again" : "files").focus();
  }

  drawProgress() {
    const { sender } = this;
    const part = sender.total ? sender.sent / sender.total : 1;
    const progress = this.part("running").querySelector("progress");
    progress.value = part;
    this.part("what").textContent = `Sending ${countWords(sender.files.length)}, ${sizeWords(sender.total)}.${skippedWords(sender)}`;
    const { pace } = sender;
    const pieces = [`${Math.floor(100 * part)} %`];
    if (sender.phase === "sending" && pace > 0) {
      pieces.push(`${sizeWords(pace)}/s`, `${timeWords((sender.total - sender.sent) / pace)} left`);
    }
    this.part("pace").textContent = pieces.join(" · ");
    progress.setAttribute("aria-valuetext", pieces.join(", "));
  }

  // Read aloud when they change, so they must not change with every piece.
  drawWords() {
    const { sender } = this;
    const words = {
      idle: this.notice || sender.words,
      sending: "",
      lost: `${sender.lostWords} ${sizeWords(sender.sent)} have arrived and stay.`,
      done: `${sentWords(sender)} The page is reading them …`,
      failed: sender.words,
    }[sender.phase];
    const place = this.part("words");
    if (place.textContent !== words) place.textContent = words;
    const isNoticeInError = sender.phase === "idle" && this.notice !== "" && this.noticeIsError;
    place.classList.toggle("error", sender.phase === "failed" || isNoticeInError);
  }
}

function countWords(count) { return count === 1 ? "1 file" : `${count.toLocaleString("en")} files`; }

function sentWords(sender) { return `Sent ${countWords(sender.files.length)}, ${sizeWords(sender.total)}.`; }

function skippedWords({ skipped }) {
  if (!skipped) return "";
  return skipped === 1 ? " 1 other is not needed." : ` ${skipped.toLocaleString("en")} others are not needed.`;
}

function sizeWords(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(bytes >= 1e11 ? 0 : 2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e8 ? 0 : 1)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}

function timeWords(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
