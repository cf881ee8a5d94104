/** Ends the wait for the work of one job. An AbortSignal costs more than the rest of a small job. */
export class Interruption {
  isInterrupted = false
  /** What waits now. */
  onInterrupt: () => void = nothing

  interrupt(): void {
    this.isInterrupted = true
    this.onInterrupt()
  }
}

function nothing(): void {}
