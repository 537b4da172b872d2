import { Worker } from '@temporalio/worker'
import { withFailures } from '../activities/failures.ts'
import { createMailActivities } from '../activities/invitation.ts'
import { mailQueue } from '../domain/ids.ts'
import { invitationCode } from '../platform/secrets.ts'
import type { Mailer } from '../ports/mail/mailer.ts'
import type { MailOpening, WorkerDeps } from './deps.ts'
import { footingOf } from './footing.ts'
import { run } from './run.ts'
import type { Running } from './run.ts'

/** Connections to the mail server at once, per worker. */
const slots = 5

/** What a worker of the mail registers. */
export const mailActivities = (
  { db, secrets, log }: Pick<WorkerDeps, 'db' | 'secrets' | 'log'>,
  { pageUrl, timeZone, count }: MailOpening,
  mailer: Mailer,
) =>
  createMailActivities({
    db,
    mailer,
    pageUrl,
    timeZone,
    openCode: (id, sealed) => secrets.decrypt(invitationCode(id), sealed).toString(),
    tried(outcome, detail) {
      count?.(outcome)
      // A server's own words may name the mailbox: they are cut to what it said about it.
      if (detail !== null) log.warn({ outcome, detail: withoutAddresses(detail) }, 'a mail was not taken')
    },
  })

const withoutAddresses = (text: string): string => text.replace(/<?[^\s<>]*@[^\s<>]*>?/g, '…')

/** The queue of mail. */
export async function startMail(
  deps: WorkerDeps,
  opening: MailOpening,
  failed: (error: unknown) => void,
): Promise<Running> {
  const { log } = deps
  const mailer = opening.open()
  const worker = await Worker.create({
    ...footingOf(deps),
    taskQueue: mailQueue,
    activities: withFailures(mailActivities(deps, opening, mailer), (activity, error) =>
      log.warn({ activity, error }, 'an activity failed and will be tried again'),
    ),
    maxConcurrentActivityTaskExecutions: slots,
  })
  const running = run(worker, failed)
  return {
    async stop() {
      await running.stop()
      await mailer.close()
    },
  }
}
