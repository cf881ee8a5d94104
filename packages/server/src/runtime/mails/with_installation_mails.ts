import type { Worker } from '../../jobs/worker.ts'
import type { InstallationMails } from '../../mail/installation_mails.ts'

/** A worker that also sends the mails which belong to no tenant. */
export function withInstallationMails(worker: Worker, mails: InstallationMails): Worker {
  return {
    start() {
      worker.start()
      mails.start()
    },
    notify() {
      worker.notify()
      mails.notify()
    },
    async idle() {
      await Promise.all([worker.idle(), mails.idle()])
    },
    async stop(ms) {
      await Promise.all([worker.stop(ms), mails.stop()])
    },
    metrics: () => worker.metrics(),
  }
}
