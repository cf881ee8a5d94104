import type { JobSignal } from './enqueue.ts'

/** Connects what adds jobs with what runs them, in this process and in others. */
export interface JobSignals extends JobSignal {
  /** Another process has committed jobs. */
  received(): void
  /** Sets what wakes the worker of this process. */
  onWake(wake: () => void): void
  /** Sets what tells the other processes. */
  onAnnounce(announce: () => void): void
}

export function createJobSignals(): JobSignals {
  let wake = () => {}
  let announce = () => {}
  return {
    notify() {
      wake()
      announce()
    },
    received: () => wake(),
    onWake(given) {
      wake = given
    },
    onAnnounce(given) {
      announce = given
    },
  }
}
