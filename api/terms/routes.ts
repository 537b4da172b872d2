import { acceptTerms, putTerms, readTerms } from '../../db/terms.ts'
import type { TermsStanding } from '../../db/terms.ts'
import { installation } from '../access.ts'
import { body, json } from '../answers.ts'
import { change } from '../changes.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { changedMeanwhile, etag, ifMatch } from '../versions.ts'
import { presentTerms, TermsAcceptance, TermsDocument, TermsPut } from './schemas.ts'

const show = (c: AppContext): Promise<TermsStanding> => readTerms(c.var.services.db, c.var.principal.accountId)
const tagOf = ({ terms }: TermsStanding): string => etag(terms?.version ?? 0)

const get = route(
  {
    operationId: 'getTerms',
    summary: 'Read the terms of use, and whether you accepted them',
    description: 'Where a site has none, `version` is 0 and nothing is asked of anybody.',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/terms',
    right: 'terms:read',
    responses: { 200: json(TermsDocument, 'The current terms') },
  },
  async (c) => {
    const standing = await show(c)
    return c.json(presentTerms(standing), 200, { etag: tagOf(standing) })
  },
)

const put = route(
  {
    operationId: 'putTerms',
    summary: 'Set the terms of use',
    description:
      "An admin's. Each PUT is a new version, which everybody has to accept before they start, resume, are given a session or " +
      'accept an invitation; what runs, runs on. Without `text` and `url` nothing is asked of anybody any more.',
    tags: ['accounts'],
    method: 'put',
    path: '/v1/terms',
    right: 'terms:admin',
    about: () => installation,
    replaces: true,
    request: { body: body(TermsPut) },
    responses: { 200: json(TermsDocument, 'The terms, of a new version') },
  },
  async (c) => {
    const terms = { ...c.req.valid('json'), setBy: c.var.principal.accountId }
    await change(c.var.services.db, deedOf(c), installation, async (trx) => {
      if ((await putTerms(trx, terms, ifMatch(c))) === 'changed') throw changedMeanwhile()
    })
    const standing = await show(c)
    return c.json(presentTerms(standing), 200, { etag: tagOf(standing) })
  },
)

const accept = route(
  {
    operationId: 'acceptTerms',
    summary: 'Accept the terms of use',
    description:
      'For yourself alone: whoever acts for somebody cannot accept for them. 409 where other terms hold by now. Repeats change ' +
      'nothing.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/terms/acceptance',
    right: 'terms:accept',
    about: () => installation,
    refusals: [409],
    request: { body: body(TermsAcceptance) },
    responses: { 200: json(TermsDocument, 'The terms, accepted') },
  },
  async (c) => {
    const { version } = c.req.valid('json')
    const { accountId } = c.var.principal
    const about = { ...deedOf(c), detail: { version } }
    await change(c.var.services.db, about, { kind: 'account', id: accountId }, async (trx) => {
      if ((await acceptTerms(trx, accountId, version)) === 'not_current')
        throw new Problem('conflict', 'These are not the current terms. Read them again.')
    })
    return c.json(presentTerms(await show(c)), 200)
  },
)

export const termsRoutes = [get, put, accept]
