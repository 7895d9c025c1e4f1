/** Interfaces of browsers that TypeScript's own types do not have yet. */

declare class MediaStreamTrackProcessor {
  constructor(init: { track: MediaStreamTrack });
  readonly readable: ReadableStream<VideoFrame>;
}

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

interface GraphicsCard {
  readonly info: { readonly isFallbackAdapter: boolean };
}

interface Navigator {
  readonly gpu?: { requestAdapter(): Promise<GraphicsCard | null> };
}
