import { z } from '@hono/zod-openapi'
import { listReconciliations } from '../../db/reconciliation-asks.ts'
import type { ReconciliationId } from '../../domain/ids.ts'
import { reconciliationOutcomes } from '../../domain/reconciliation.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { preferenceOf } from '../prefer.ts'
import { route } from '../route.ts'
import { adopt } from './adoption.ts'
import { arm, armProvider, readReconciliation, requestReconciliation } from './commands.ts'
import {
  AdoptionDocument,
  InstanceAdopt,
  presentReconciliation,
  ReconciliationCreate,
  ReconciliationDocument,
  SweepArm,
} from './schemas.ts'
import { providerOfBody, reconciliationOfPath } from './subject.ts'

const create = route(
  {
    operationId: 'startReconciliation',
    summary: 'Compare a provider, or the gateway outside, with the rows, now',
    description:
      'Says what differs and what it would do about it; with `dryRun: false` it does that. Only what has differed for some minutes, ' +
      'in two surveys, is acted on, and many removals or endings at once are withheld; of the gateway outside (`accessGateway`) so ' +
      'many are left to its next round. Waits for its end as long as `Prefer: wait=N` says ' +
      '(seconds, 2 when left out, at most 60; `respond-async` is 0); what has not ended then is 202.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/reconciliations',
    right: 'operate:write',
    about: providerOfBody,
    creates: true,
    reasoned: true,
    refusals: [404],
    request: { body: body(ReconciliationCreate) },
    responses: {
      201: json(ReconciliationDocument, 'It has ended; its report'),
      202: json(ReconciliationDocument, 'It has not ended yet'),
    },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const by = principal.accountId
    const id = await requestReconciliation(services, deedOf(c), intent, by, c.req.valid('json'))
    return await answerEnd(c, id)
  },
)

async function answerEnd(c: AppContext, id: ReconciliationId) {
  const { services } = c.var
  const { waitMs, applied } = preferenceOf(c.req.header('prefer'))
  if (applied !== null) c.header('Preference-Applied', applied)
  await services.reconciled.wait(id, waitMs, c.req.raw.signal)
  const reconciliation = await readReconciliation(services.db, id)
  const headers = { location: `/v1/admin/reconciliations/${id}` }
  const document = presentReconciliation(reconciliation)
  return reconciliation.endedAt === null ? c.json(document, 202, headers) : c.json(document, 201, headers)
}

const listAll = route(
  {
    operationId: 'listReconciliations',
    summary: 'List reconciliations, also the scheduled ones, the newest first',
    tags: ['operation'],
    method: 'get',
    path: '/v1/admin/reconciliations',
    right: 'operate:read',
    request: {
      query: z.strictObject({
        ...pageQuery,
        provider: idOf('provider').optional(),
        outcome: z.enum(reconciliationOutcomes).optional(),
      }),
    },
    responses: { 200: json(pageOfItems(ReconciliationDocument), 'A page of reconciliations') },
  },
  async (c) => {
    const query = c.req.valid('query')
    const filter = { providerId: query.provider ?? null, outcome: query.outcome ?? null }
    const page = await listReconciliations(c.var.services.db, filter, pageAsk('reconciliations', query))
    return c.json(answerPage('reconciliations', page, presentReconciliation), 200)
  },
)

const getOne = route(
  {
    operationId: 'getReconciliation',
    summary: 'Read a reconciliation and its report',
    tags: ['operation'],
    method: 'get',
    path: '/v1/admin/reconciliations/{reconciliationId}',
    right: 'operate:read',
    subject: reconciliationOfPath,
    request: { params: z.object({ reconciliationId: idOf('reconciliation') }) },
    responses: { 200: json(ReconciliationDocument, 'The reconciliation') },
  },
  async (c) => {
    const found = await readReconciliation(c.var.services.db, c.req.valid('param').reconciliationId)
    return c.json(presentReconciliation(found), 200)
  },
)

const Armed = z.object({ armed: z.literal(true) }).openapi('Armed')

const armOne = route(
  {
    operationId: 'armReconciliation',
    summary: 'Let a disarmed installation, or the disarmed sweep of a provider, act again',
    description:
      "A provider's sweep disarms itself rather than remove many instances, or end many sessions that lost their workflow, at once: " +
      'look at what it withheld, then arm it; it may do as much as that, once. An installation disarms itself where its database is a copy or was restored: arm only the ' +
      'one that is to look after the sessions. 409 where it is armed.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/reconciliations/arm',
    right: 'operate:write',
    about: providerOfBody,
    reasoned: true,
    refusals: [404, 409],
    request: { body: body(SweepArm) },
    responses: { 200: json(Armed, 'It may act') },
  },
  async (c) => {
    const { db } = c.var.services
    const { provider } = c.req.valid('json')
    if (provider === undefined) await arm(db, deedOf(c))
    else await armProvider(db, deedOf(c), provider)
    return c.json({ armed: true as const }, 200)
  },
)

const adoptOne = route(
  {
    operationId: 'adoptInstance',
    summary: 'Take an instance that no row knows of for what its labels say: of this session, in this generation',
    description:
      'For what a restore of an older dump leaves: the session has a row and waits for its instance (`queued`, `provisioning`), the ' +
      'backend has the instance, and its own row is lost. The start then finds it by its name. Labels carry no account, template or ' +
      'secret: a session without a row is not made again, and a door that asks for the secret asks for one that the instance does ' +
      'not know. 409 says why it cannot be, and what to do instead. Repeats change nothing.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/reconciliations/adopt',
    right: 'operate:write',
    about: providerOfBody,
    reasoned: true,
    refusals: [404, 409],
    request: { body: body(InstanceAdopt) },
    responses: { 200: json(AdoptionDocument, 'It is adopted, or could be') },
  },
  async (c) => c.json(await adopt(c.var.services, deedOf(c), c.req.valid('json')), 200),
)

export const reconciliationRoutes = [create, listAll, getOne, armOne, adoptOne]
