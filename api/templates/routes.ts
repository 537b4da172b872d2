import { z } from '@hono/zod-openapi'
import { listTemplates } from '../../db/templates.ts'
import { viewerOf } from '../../db/viewers.ts'
import { isOperator } from '../../domain/authorization.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { flag, idOf } from '../fields.ts'
import { allQuery, viewerFor } from '../operators.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { addTemplate, deactivate, readTemplate, replaceSpec } from './commands.ts'
import { presentTemplate, TemplateCreate, TemplateDocument, TemplatePut } from './schemas.ts'
import { templateOfPath } from './subject.ts'

const params = z.object({ templateId: idOf('template') })

const createTemplate = route(
  {
    operationId: 'createTemplate',
    summary: 'Make a template',
    tags: ['templates'],
    method: 'post',
    path: '/v1/templates',
    right: 'template:admin',
    about: () => ({ kind: 'template', id: null }),
    creates: true,
    refusals: [409],
    request: { body: body(TemplateCreate) },
    responses: { 201: json(TemplateDocument, 'The template at its version 1') },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const asked = { ...c.req.valid('json'), createdBy: principal.accountId }
    const template = await addTemplate(services.db, deedOf(c), intent, asked)
    return c.json(presentTemplate(template, true), 201, {
      location: `/v1/templates/${template.id}`,
      etag: etag(template.revision),
    })
  },
)

const listAll = route(
  {
    operationId: 'listTemplates',
    summary: 'List the templates that you may start, the newest first',
    tags: ['templates'],
    method: 'get',
    path: '/v1/templates',
    right: 'template:read',
    request: { query: z.strictObject({ ...pageQuery, ...allQuery, inactive: flag }) },
    responses: { 200: json(pageOfItems(TemplateDocument), 'A page of templates') },
  },
  async (c) => {
    const { db } = c.var.services
    const query = c.req.valid('query')
    const accountId = viewerFor(c, query.all)
    c.set('othersRead', false)
    const viewer = accountId === null ? null : await viewerOf(db, accountId)
    const page = await listTemplates(db, { viewer, inactive: query.inactive }, pageAsk('templates', query))
    const whole = isOperator(c.var.principal.actor)
    return c.json(
      answerPage('templates', page, (template) => presentTemplate(template, whole)),
      200,
    )
  },
)

const getOne = route(
  {
    operationId: 'getTemplate',
    summary: 'Read a template at its current version',
    tags: ['templates'],
    method: 'get',
    path: '/v1/templates/{templateId}',
    right: 'template:read',
    subject: templateOfPath,
    request: { params },
    responses: { 200: json(TemplateDocument, 'The template') },
  },
  async (c) => {
    const template = await readTemplate(c.var.services.db, c.req.valid('param').templateId)
    return c.json(presentTemplate(template, isOperator(c.var.principal.actor)), 200, { etag: etag(template.revision) })
  },
)

const putTemplate = route(
  {
    operationId: 'putTemplate',
    summary: 'Give a template a new version',
    description: 'New sessions start from it; those that run keep theirs. An inactive template is active again.',
    tags: ['templates'],
    method: 'put',
    path: '/v1/templates/{templateId}',
    right: 'template:admin',
    subject: templateOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(TemplatePut) },
    responses: { 200: json(TemplateDocument, 'The template at its new version') },
  },
  async (c) => {
    const { services, principal } = c.var
    const by = { accountId: principal.accountId, versions: ifMatch(c) }
    const { templateId } = c.req.valid('param')
    const template = await replaceSpec(services.db, deedOf(c), templateId, c.req.valid('json').spec, by)
    return c.json(presentTemplate(template, true), 200, { etag: etag(template.revision) })
  },
)

const deactivateOne = route(
  {
    operationId: 'deactivateTemplate',
    summary: 'Let no new session start from a template',
    tags: ['templates'],
    method: 'post',
    path: '/v1/templates/{templateId}/deactivate',
    right: 'template:admin',
    subject: templateOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(TemplateDocument, 'The template, inactive') },
  },
  async (c) => {
    const template = await deactivate(c.var.services.db, deedOf(c), c.req.valid('param').templateId)
    return c.json(presentTemplate(template, true), 200, { etag: etag(template.revision) })
  },
)

export const templateRoutes = [createTemplate, listAll, getOne, putTemplate, deactivateOne]
