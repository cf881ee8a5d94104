/** What a process has used: all its threads, since it began. */
export interface MeterReading {
  cpuMicros: number
  rss: number
  heapUsed: number
  external: number
}
