import type { ProjectRole } from '../../domain/authorization.ts'
import type { DoorMode } from '../../domain/template.ts'

/**
 * What a mail about an invitation says, in one language. In braces stand `inviter`, `project`, `session`, `until` (a date), `email`
 * and `title` (of the site), each only where `placeholders` of the test says so.
 */
export interface InvitationTexts {
  /** In the subject, one line. */
  readonly subject: { readonly project: string; readonly session: string; readonly reminder: string }
  readonly greeting: string
  /** What is offered, in one sentence each. */
  readonly offer: {
    readonly project: Readonly<Record<ProjectRole, string>>
    readonly session: Readonly<Record<DoorMode, string>>
  }
  /** Before the offer, in a reminder. */
  readonly reminder: string
  /** What the button says, and the line before the address in the plain text. */
  readonly open: string
  /** Until when, and that it is for once. */
  readonly until: string
  /** With which address to sign in. */
  readonly onlyYou: string
  /** Whoever has the link may accept it. */
  readonly anyone: string
  /** What to do about a mail that one did not expect. */
  readonly unexpected: string
  /** Where answers to this mail go. */
  readonly answers: string
}
