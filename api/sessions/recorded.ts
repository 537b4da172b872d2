import type { NewSession } from '../../db/intents.ts'
import type { SessionView } from '../../db/session-view.ts'
import type { Template } from '../../db/templates.ts'
import { isLink } from '../../domain/link.ts'

/** A session that was recorded just now, as reading it would show it. */
export function viewOf(session: NewSession, { id, version, name, spec }: Template, recordedAt: Date): SessionView {
  return {
    id: session.id,
    name: session.name,
    ownerId: session.ownerId,
    startedBy: session.startedBy,
    projectId: session.projectId,
    experimentId: session.experiment?.id ?? null,
    template: { id, version, name },
    providerId: session.providerId,
    size: session.size,
    parameters: session.parameters,
    mounts: session.mounts,
    resources: session.resources,
    doors: spec.doors,
    isLink: isLink(spec),
    state: 'requested',
    reason: null,
    refusal: null,
    waitingFor: null,
    generation: 1,
    stateSince: recordedAt,
    retryAt: null,
    expectedStartAt: null,
    requestedAt: recordedAt,
    queuedAt: null,
    readyAt: null,
    endedAt: null,
    expiresAt: session.expiresAt,
    stopRequestedAt: null,
    cleanupOverdueAt: null,
    abandonRequestedAt: null,
    operatorDetail: null,
    degraded: null,
    pauseWish: null,
    pausable: false,
    resumeRefusal: null,
  }
}
