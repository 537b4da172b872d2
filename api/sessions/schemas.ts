import { z } from '@hono/zod-openapi'
import type { SessionView } from '../../db/session-view.ts'
import { shownDoors } from '../../domain/doors.ts'
import { reasonSentences, sessionStates } from '../../domain/lifecycle.ts'
import { actionsOf, pauseWishes, sessionActions } from '../../domain/pausing.ts'
import type { ResumeRefusal } from '../../domain/pausing.ts'
import { mountKinds } from './mounts.ts'
import { ViolationDocument } from '../problem.ts'
import { id, idOf, iso, isoOrNull, line, moment, mountPlace, nullableTime, resources, time } from '../fields.ts'

const parameterValue = z.union([z.string().max(1_000), z.number(), z.boolean()])

const Mount = z.strictObject({
  source: z.strictObject({ kind: z.enum(mountKinds), id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/) }),
  target: mountPlace,
  mode: z.enum(['ro', 'rw']),
})

/** What is wanted of a template; shared by what starts a session and what only asks whether it could. */
const ask = {
  templateId: idOf('template'),
  projectId: idOf('project').optional().openapi({ description: 'Your personal project when left out' }),
  experimentId: idOf('experiment').optional().openapi({
    description: 'Its data is mounted: the session is in its project, and is yours as long as it is for you',
  }),
  size: z.string().max(32).optional().openapi({ description: "The template's default when left out" }),
  parameters: z.record(z.string().max(64), parameterValue).default({}),
  mounts: z.array(Mount).max(20).default([]),
}
export const SessionAsk = z.strictObject(ask).openapi('SessionAsk')

// Not an extension of the other: in a description both would refuse the fields of each other.
export const SessionCreate = z
  .strictObject({
    ...ask,
    name: line(100).optional().openapi({ description: "The template's title when left out" }),
    expiresAt: moment.optional().openapi({ description: 'When it is to end at the latest' }),
  })
  .openapi('SessionCreate')

const Door = z.object({ name: z.string(), protocol: z.string(), modes: z.array(z.string()) })

export const SessionDocument = z
  .object({
    id,
    name: z.string(),
    owner: id,
    startedBy: id,
    projectId: id,
    experimentId: id.nullable(),
    template: z.object({ id, version: z.int(), name: z.string() }),
    providerId: id,
    size: z.string(),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    mounts: z.array(Mount),
    resources,
    state: z.string().openapi({ description: `Open to growth. Today: ${sessionStates.join(', ')}.`, example: 'ready' }),
    reason: z
      .string()
      .nullable()
      .openapi({ description: `Why it ended. Open to growth. Today: ${Object.keys(reasonSentences).join(', ')}.` }),
    reasonText: z.string().nullable(),
    stateSince: time,
    waitingFor: z.string().nullable().openapi({ description: 'Today: provider_busy, provider_unavailable.' }),
    retryAt: nullableTime.openapi({ description: 'When its provider, which does not answer, is tried again' }),
    expectedStartAt: nullableTime.openapi({
      description: 'When its backend, in whose queue it waits, means to begin it; its own forecast, which moves',
    }),
    position: z.int().nullable().openapi({ description: 'In the queue, 0 is next; `null` in lists' }),
    etaSeconds: z.int().nullable().openapi({ description: 'Until it should begin, where recent starts tell' }),
    doors: z.array(Door),
    requestedAt: time,
    queuedAt: nullableTime,
    readyAt: nullableTime,
    endedAt: nullableTime,
    expiresAt: nullableTime,
    stopRequestedAt: nullableTime,
    generation: z.int(),
    degraded: z
      .object({ reason: z.string().openapi({ description: 'Open to growth. Today: door_unreachable.' }), since: time })
      .nullable()
      .openapi({ description: 'Of a ready session: what does not work as it should. It is repaired by itself' }),
    actions: z.array(z.string()).openapi({
      description: `What may be asked of it as it is, by who has the right. Open to growth. Today: ${sessionActions.join(', ')}.`,
    }),
    wish: z
      .string()
      .nullable()
      .openapi({ description: `What was asked of it and is not done. Today: ${pauseWishes.join(', ')}.` }),
    resumeRefusal: z
      .object({
        code: z
          .string()
          .openapi({ description: 'Open to growth. Today: exceeds_limit, quota_exceeded, resume_failed.' }),
        violations: z.array(ViolationDocument),
      })
      .nullable()
      .openapi({ description: 'Why it is still paused, although it was to go on' }),
    cleanupOverdue: z.boolean(),
    cleanupOverdueAt: nullableTime.optional().openapi({ description: 'For operators' }),
    abandonRequestedAt: nullableTime.optional().openapi({ description: 'For operators' }),
    operatorDetail: z.string().nullable().optional().openapi({ description: 'For operators' }),
  })
  .openapi('Session')

export interface Waiting {
  readonly position: number
  readonly etaSeconds: number | null
}

/** A session as it is answered: no address, no secret. */
export function presentSession(
  session: SessionView,
  { waiting, operator }: { readonly waiting: Waiting | null; readonly operator: boolean },
): z.infer<typeof SessionDocument> {
  return {
    id: session.id,
    name: session.name,
    owner: session.ownerId,
    startedBy: session.startedBy,
    projectId: session.projectId,
    experimentId: session.experimentId,
    template: { ...session.template },
    providerId: session.providerId,
    size: session.size,
    parameters: { ...session.parameters },
    mounts: session.mounts.map((mount) => ({ ...mount, source: { ...mount.source } })),
    resources: session.resources,
    state: session.state,
    reason: session.reason,
    reasonText: session.reason === null ? null : reasonSentences[session.reason],
    stateSince: iso(session.stateSince),
    waitingFor: session.waitingFor,
    retryAt: isoOrNull(session.retryAt),
    expectedStartAt: isoOrNull(session.expectedStartAt),
    position: waiting?.position ?? null,
    etaSeconds: waiting?.etaSeconds ?? null,
    doors: shownDoors(session).map(([name, door]) => ({ name, ...door })),
    requestedAt: iso(session.requestedAt),
    queuedAt: isoOrNull(session.queuedAt),
    readyAt: isoOrNull(session.readyAt),
    endedAt: isoOrNull(session.endedAt),
    expiresAt: isoOrNull(session.expiresAt),
    stopRequestedAt: isoOrNull(session.stopRequestedAt),
    generation: session.generation,
    degraded:
      session.degraded === null ? null : { reason: session.degraded.reason, since: iso(session.degraded.since) },
    actions: actionsOf({
      state: session.state,
      stopRequested: session.stopRequestedAt !== null,
      wish: session.pauseWish,
      pausable: session.pausable,
    }),
    wish: session.pauseWish,
    resumeRefusal: session.resumeRefusal === null ? null : presentRefusal(session.resumeRefusal),
    cleanupOverdue: session.cleanupOverdueAt !== null && session.endedAt === null,
    ...(operator ? forOperators(session) : {}),
  }
}

const presentRefusal = (refusal: ResumeRefusal) => ({
  code: refusal.code,
  violations: refusal.code === 'resume_failed' ? [] : refusal.violations.map((v) => ({ ...v, payer: { ...v.payer } })),
})

const forOperators = (session: SessionView) => ({
  cleanupOverdueAt: isoOrNull(session.cleanupOverdueAt),
  abandonRequestedAt: isoOrNull(session.abandonRequestedAt),
  operatorDetail: session.operatorDetail,
})
