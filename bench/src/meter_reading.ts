/** The resource usage of a process: of all its threads, since its start. */
export interface MeterReading {
  cpuMicros: number
  rss: number
  heapUsed: number
  external: number
}
