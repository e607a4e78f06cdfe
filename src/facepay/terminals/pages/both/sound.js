// Short tones, since whoever has turned away doesn't see the screen.
const TONES = {
  yes: [[660, 0], [880, 0.14]],
  no: [[220, 0], [180, 0.2]],
  beep: [[1200, 0]],
};
const LASTS = 0.12;
let context = null;

/** Browsers play nothing before somebody has touched the page. */
export function play(name) {
  context ??= new AudioContext();
  context.resume().catch(() => {});
  for (const [frequency, after] of TONES[name]) {
    const [oscillator, gain] = [context.createOscillator(), context.createGain()];
    const begins = context.currentTime + after;
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0.15, begins);
    gain.gain.exponentialRampToValueAtTime(0.001, begins + LASTS);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(begins);
    oscillator.stop(begins + LASTS);
  }
}
