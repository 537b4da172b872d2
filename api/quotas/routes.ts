import { z } from '@hono/zod-openapi'
import { readQuota } from '../../db/quotas.ts'
import { payerKinds } from '../../domain/admission.ts'
import type { PayerKind } from '../../domain/admission.ts'
import { idPattern } from '../../domain/ids.ts'
import type { Relation } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { relationToProject } from '../projects/subject.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { limitPayer, quotaOf } from './commands.ts'
import { presentQuota, QuotaDocument, QuotaPut } from './schemas.ts'

const params = z.object({
  kind: z.enum(payerKinds).openapi({ param: { name: 'kind', in: 'path' } }),
  payerId: idOf('payer'),
})

/** A payer: one's own account, one's projects; providers are for operators. */
const payerOfPath: RouteSubject = {
  kind: 'quota',
  param: 'payerId',
  relation: async (c) => {
    const kind = payerKinds.find((known) => known === c.req.param('kind'))
    return kind === undefined ? null : await relationToPayer(c, kind, c.req.param('payerId') ?? '')
  },
}

async function relationToPayer(c: AppContext, kind: PayerKind, id: string): Promise<Relation | null> {
  if (kind === 'project') return await relationToProject(c, id)
  const quota = idPattern.test(id) ? await readQuota(c.var.services.db, { kind, id }) : null
  return quota === null ? null : { isOwner: kind === 'account' && id === c.var.principal.accountId }
}

const read = route(
  {
    operationId: 'getQuota',
    summary: "Read a payer's limits and what it holds",
    tags: ['quotas'],
    method: 'get',
    path: '/v1/quotas/{kind}/{payerId}',
    right: 'quota:read',
    subject: payerOfPath,
    request: { params },
    responses: { 200: json(QuotaDocument, 'The quota') },
  },
  async (c) => {
    const { kind, payerId } = c.req.valid('param')
    const quota = await quotaOf(c.var.services.db, { kind, id: payerId })
    return c.json(presentQuota(quota), 200, { etag: etag(quota.version) })
  },
)

const put = route(
  {
    operationId: 'putQuota',
    summary: "Set a payer's limits",
    description: 'What is held stays held, also above the new limits.',
    tags: ['quotas'],
    method: 'put',
    path: '/v1/quotas/{kind}/{payerId}',
    right: 'quota:admin',
    subject: payerOfPath,
    replaces: true,
    request: { params, body: body(QuotaPut) },
    responses: { 200: json(QuotaDocument, 'The quota') },
  },
  async (c) => {
    const { kind, payerId } = c.req.valid('param')
    const payer = { kind, id: payerId }
    const quota = await limitPayer(c.var.services.db, deedOf(c), payer, c.req.valid('json').limits, ifMatch(c))
    return c.json(presentQuota(quota), 200, { etag: etag(quota.version) })
  },
)

export const quotaRoutes = [read, put]
