// The door's camera: finds the QR code in what it shows and tells the page the code's text, as the event `scanned` of #door. What a
// code means is not known here. Where the browser reads no QR codes itself, a decoder does. It is fetched when the page is loaded, so
// that it is here, and kept with the page, before the network is gone.

/* global qrDecoder */

(() => {
  const door = document.getElementById("door");
  const words = door.dataset;
  const camera = document.getElementById("camera");
  const note = document.getElementById("camera-note");
  const scan = document.getElementById("scan");
  const scan_label = scan.textContent;
  /** From the end of a look through the camera to the next one, so that a slow device rests as well. */
  const LOOK_AFTER_MS = 150;
  /** The decoder gets pictures whose longer side is at most so many pixels: enough to read a ticket, and a phone stays cool. */
  const PICTURE_SIDE_MAX = 720;
  /** A code that stays before the camera is one scan. */
  const SAME_CODE_MS = 4000;

  /** Why there is no picture, by the name of the browser's error; what has another name could not be opened. */
  const reasons = {
    NotAllowedError: words.textCameraRefused,
    NotFoundError: words.textCameraNone,
  };

  /** Says why nothing is scanned, and what to do instead. */
  function tell(why) {
    note.textContent = `${why} ${words.textInstead}`;
    note.hidden = false;
  }

  /* What finds the text of a code in a video */

  /** What the browser's own detector reads depends on the system, and may be nothing. */
  async function own_detector() {
    const formats = await globalThis.BarcodeDetector?.getSupportedFormats().catch(() => []);
    return formats?.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  }

  let loading = null;

  /** One that could not be fetched is asked for again the next time. */
  function decoder() {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = camera.dataset.decoder;
      script.addEventListener("load", () => resolve(qrDecoder.decodeQR));
      script.addEventListener("error", () => {
        script.remove();
        loading = null;
        reject(new Error("no decoder"));
      });
      document.head.append(script);
    });
    return loading;
  }

  const picture = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  function pixels(video) {
    const scale = Math.min(1, PICTURE_SIDE_MAX / Math.max(video.videoWidth, video.videoHeight));
    const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
    Object.assign(picture.canvas, { width, height });
    picture.drawImage(video, 0, 0, width, height);
    return picture.getImageData(0, 0, width, height);
  }

  /** It rejects, or finds nothing, where there is no code. */
  async function finder() {
    const own = await own_detector();
    if (own) return async () => (await own.detect(camera))[0]?.rawValue;
    const decode = await decoder();
    return async () => decode(pixels(camera));
  }

  /* The camera */

  let opening = false;
  let last = { text: "", at_ms: 0 };

  function stop() {
    for (const track of camera.srcObject?.getTracks() ?? []) track.stop();
    camera.srcObject = null;
    camera.hidden = true;
    scan.textContent = scan_label;
  }

  async function start() {
    note.hidden = true;
    const find = await finder().catch(() => null);
    if (!find) { tell(words.textNoDecoder); return; }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      camera.srcObject = stream;
      camera.hidden = false;
      scan.textContent = words.textStop;
      await camera.play();
    } catch (error) {
      stop();
      // Whoever left the page meanwhile stopped it themselves.
      if (!document.hidden) tell(reasons[error.name] ?? words.textCameraFailed);
      return;
    }
    if (document.hidden) stop();
    look(find, stream);
  }

  /** As long as the camera shows this. */
  async function look(find, stream) {
    while (camera.srcObject === stream) {
      const text = await find().catch(() => "");
      const now = Date.now();
      if (text && (text !== last.text || now - last.at_ms >= SAME_CODE_MS)) door.dispatchEvent(new CustomEvent("scanned", { detail: text }));
      if (text) last = { text, at_ms: now };
      await new Promise((done) => setTimeout(done, LOOK_AFTER_MS));
    }
  }

  scan.addEventListener("click", async () => {
    if (opening) return;
    if (camera.srcObject) { stop(); return; }
    opening = true;
    await start();
    opening = false;
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); });

  if (navigator.mediaDevices) {
    scan.hidden = false;
    finder().catch(() => {});
  } else {
    tell(isSecureContext ? words.textCameraNone : words.textCameraInsecure);
  }
})();
