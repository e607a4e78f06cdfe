// Whether somebody has stepped before the camera: the picture is no longer the one that it was for a while.
const [WIDTH, HEIGHT] = [32, 24];
const TICK_MS = 250;
const CHANGED = 14; // mean difference of grey levels, of 255
const AS_BEFORE = 7;
const TICKS = 2;
const ADAPTS = 0.02;
const AGAIN_AFTER_MS = 8000;

/** Calls `somebody()` once for each who comes, and again where they still stand there after a while. */
export function watchFor(video, isWatching, somebody) {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let usual = null;
  let ticks = 0;
  let calledAt = -Infinity;
  let isCalled = false;
  setInterval(() => {
    if (!isWatching() || !video.videoWidth) return;
    context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const now = greyOf(context.getImageData(0, 0, WIDTH, HEIGHT).data);
    usual ??= now;
    const difference = now.reduce((sum, level, at) => sum + Math.abs(level - usual[at]), 0) / now.length;
    usual = usual.map((level, at) => level + ADAPTS * (now[at] - level));
    ticks = difference > CHANGED ? ticks + 1 : 0;
    if (difference < AS_BEFORE || performance.now() - calledAt > AGAIN_AFTER_MS) isCalled = false;
    if (ticks < TICKS || isCalled) return;
    isCalled = true;
    calledAt = performance.now();
    somebody();
  }, TICK_MS);
}

function greyOf(data) {
  return Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => (data[4 * at] + 2 * data[4 * at + 1] + data[4 * at + 2]) / 4);
}
