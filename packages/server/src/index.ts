export type { BaseContext, PublicContext, PublicRowsContext, TenantContext } from './app/context.ts'
export { type App, defineApp } from './app/define_app.ts'
export type { Demo, DemoTenant } from './app/demo.ts'
export {
  type Duration,
  type Enqueue,
  type EnqueueOptions,
  type Job,
  UnrecoverableError,
} from './app/jobs/job.ts'
export type { JobContext } from './app/jobs/job_context.ts'
export { eachTenant, every, type Schedule } from './app/jobs/schedule.ts'
export { defineList, type List, type ListQuery, pageOf } from './app/list.ts'
export { button, code, type MailBlock, note, paragraph } from './app/mails/blocks.ts'
export type { MailJob, MailRecipient } from './app/mails/mail_job.ts'
export type { MailTexts, MailWords } from './app/mails/mail_template.ts'
export { definePolicy, type Policy } from './app/policy.ts'
export { type AppCookie, type FileOutput, file, raw, redirect, withCookies } from './app/replies.ts'
export type { Route } from './app/route.ts'
export { readList } from './db/read_list.ts'
export type { KernelTables } from './db/tables.ts'
export { displayName } from './lib/display_name.ts'
export { AppError, conflict, notFound, unprocessable } from './lib/errors.ts'
export { newId } from './lib/ids.ts'
