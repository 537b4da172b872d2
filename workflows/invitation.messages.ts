import type { InvitationId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'

/** The input of `invitation/<id>`. JSON; fields are only ever added, as optional. Who is invited, and by what code, the rows say. */
export interface InvitationRun {
  readonly invitationId: InvitationId
  readonly timings: Timings
}

/** The name of the workflow; it hears the one signal that says «look again». */
export const invitationWorkflowName = 'invitationWorkflow'
