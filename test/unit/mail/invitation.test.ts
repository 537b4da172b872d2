import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { mayOffer, nextStep, reminderAt, retryInMs, whyLost } from '../../../domain/invitation.ts'
import type { InvitationFacts, StandingFacts } from '../../../domain/invitation.ts'
import { defaultTimings as limits } from '../../../domain/timings.ts'
import { readConfig } from '../../../platform/config.ts'
import { parts } from '../../../platform/config/parts.ts'
import { root } from '../../rules/imports.ts'

const now = 1_000_000_000
const minute = 60_000
const hour = 60 * minute
const facts = (more: Partial<InvitationFacts> = {}): InvitationFacts => ({
  state: 'sent',
  expiresAt: now + 100 * hour,
  remindAt: null,
  lost: null,
  mail: null,
  now,
  ...more,
})
const mail = { number: 2, wantedAt: now - hour, nextTryAt: now, problem: null }

describe('what is next', () => {
  test.each<[string, Partial<InvitationFacts>, object]>([
    ['nothing where it has ended', { state: 'accepted' }, { do: 'nothing' }],
    [
      'its end where its inviter lost the right',
      { lost: 'right_lost' },
      { do: 'end', state: 'revoked', reason: 'right_lost' },
    ],
    ['its end with its time', { expiresAt: now }, { do: 'end', state: 'expired', reason: null }],
    ['a mail that is due', { state: 'sending', mail }, { do: 'send', number: 2 }],
    [
      'the wait for the next try',
      { state: 'sending', mail: { ...mail, nextTryAt: now + minute } },
      { do: 'wait', ms: minute },
    ],
    [
      'its end where a mail never went out',
      { state: 'sending', mail: { ...mail, wantedAt: now - 73 * hour, problem: 'timeout' } },
      { do: 'end', state: 'bounced', reason: 'timeout' },
    ],
    ['a reminder that is due', { remindAt: now }, { do: 'remind' }],
    ['a look at the rights at least every quarter of an hour', {}, { do: 'wait', ms: 15 * minute }],
    ['the nearest of all', { expiresAt: now + minute, remindAt: now + 2 * minute }, { do: 'wait', ms: minute }],
  ])('is %s', (_, more, step) => {
    expect(nextStep(facts(more), limits)).toEqual(step)
  })

  test('a reminder comes two days before the end, and never in the first half', () => {
    expect(reminderAt(0, 14 * 24 * hour)).toBe(12 * 24 * hour)
    expect(reminderAt(0, 3 * 24 * hour)).toBe(null)
  })

  test('tries grow apart up to half an hour', () => {
    expect([1, 2, 3, 7, 8, 1_000].map((tries) => retryInMs(tries, limits) / minute)).toEqual([0.5, 1, 2, 30, 30, 30])
  })
})

describe('what it stands on', () => {
  const standing = (
    more: Partial<StandingFacts> = {},
    inviter: Partial<StandingFacts['inviter']> = {},
  ): StandingFacts => ({
    place: { kind: 'session', mode: 'view' },
    inviter: { id: 'a1', disabled: false, admin: false, projectRole: 'editor', ...inviter },
    projectClosed: false,
    session: { ownerId: 'a1', over: false },
    ...more,
  })
  const toOwn = { place: { kind: 'project', role: 'owner' } } as const
  test.each<[string, StandingFacts, string | null]>([
    ['an owner of the session', standing(), null],
    ['a session that was given away', standing({ session: { ownerId: 'a2', over: false } }), 'right_lost'],
    ['a session that is over', standing({ session: { ownerId: 'a1', over: true } }), 'session_over'],
    ['a session that is gone', standing({ session: null }), 'session_over'],
    ['an owner who only looks in the project by now', standing({}, { projectRole: 'viewer' }), 'right_lost'],
    ['a closed project', standing({ projectClosed: true }), 'project_closed'],
    ['a disabled inviter', standing({}, { disabled: true }), 'account_disabled'],
    ['an editor who offers to own', standing(toOwn), 'right_lost'],
    ['an owner who offers to own', standing(toOwn, { projectRole: 'owner' }), null],
    ['an admin of the installation', standing(toOwn, { projectRole: null, admin: true }), null],
    ['an admin who lets somebody into a session of others', standing({}, { id: 'a9', admin: true }), 'right_lost'],
  ])('%s: %#', (_, given, lost) => {
    expect(whyLost(given)).toBe(lost)
  })

  test('nobody offers more than they have, and who only looks offers nothing', () => {
    const roles = ['owner', 'editor', 'viewer'] as const
    const table = roles.map((own) => roles.filter((role) => mayOffer(own, role)))
    expect(table).toEqual([['owner', 'editor', 'viewer'], ['editor', 'viewer'], []])
    expect(mayOffer(null, 'viewer')).toBe(false)
  })
})

describe('configuration', () => {
  const env = {
    CARREL_WORKER_ROLES: 'core,mail',
    CARREL_SMTP_URL: 'smtp://mail.site.example',
    CARREL_MAIL_FROM: 'The facility <carrel@site.example>',
  }
  const read = (more: Record<string, string> = {}) => readConfig(['mail', 'invitations'], { ...env, ...more })

  test('demands TLS, and takes the usual ports', () => {
    expect(read().mail).toEqual({
      host: 'mail.site.example',
      port: 587,
      tls: 'starttls',
      auth: null,
      from: { name: 'The facility', address: 'carrel@site.example' },
    })
    expect(read({ CARREL_SMTP_URL: 'smtps://mail.site.example' }).mail).toMatchObject({ port: 465, tls: 'implicit' })
    expect(read({ CARREL_SMTP_USERNAME: 'u', CARREL_SMTP_PASSWORD: 'p' }).mail).toMatchObject({
      auth: { user: 'u', password: 'p' },
    })
    expect(readConfig(['mail'], { CARREL_WORKER_ROLES: 'core' }).mail).toBe(null)
  })

  test.each<[string, Record<string, string>]>([
    ['CARREL_SMTP_URL', { CARREL_SMTP_URL: 'smtp://u:p@mail.site.example' }],
    ['CARREL_SMTP_URL', { CARREL_WORKER_ROLES: 'core' }],
    ['CARREL_MAIL_FROM', { CARREL_MAIL_FROM: 'nobody' }],
    ['CARREL_SMTP_PASSWORD', { CARREL_SMTP_USERNAME: 'u' }],
    ['CARREL_SMTP_TLS', { CARREL_SMTP_TLS: 'none', CARREL_SMTP_USERNAME: 'u', CARREL_SMTP_PASSWORD: 'p' }],
    ['CARREL_SMTP_TLS', { CARREL_SMTP_URL: 'smtps://mail.site.example', CARREL_SMTP_TLS: 'starttls' }],
    ['CARREL_INVITATION_URL', { CARREL_INVITATION_URL: 'https://portal.example/#/join' }],
    ['CARREL_INVITATION_LANGUAGE', { CARREL_INVITATION_LANGUAGE: 'tlh' }],
  ])('names what is wrong: %s with %o', (key, more) => {
    expect(() => read(more)).toThrow(key)
  })

  test('links lead to the page of the api unless the portal has one', () => {
    expect(read().invitations).toMatchObject({
      delivery: 'link',
      pageUrl: 'http://127.0.0.1:8080/invitation',
      days: 14,
    })
    expect(read({ CARREL_PUBLIC_URL: 'https://carrel.example/api/' }).invitations.pageUrl).toBe(
      'https://carrel.example/api/invitation',
    )
    expect(read({ CARREL_INVITATION_URL: 'https://portal.example/join' }).invitations.pageUrl).toBe(
      'https://portal.example/join',
    )
  })
})

test('beside compose the worker of mail alone has the password, and every variable that is given is read', () => {
  const file = readFileSync(join(root, 'docker-compose.mail.yaml'), 'utf8')
  const environment = z.object({
    environment: z.record(z.string(), z.string()),
    networks: z.array(z.string()).optional(),
  })
  const { services } = z.object({ services: z.record(z.string(), environment) }).parse(parse(file))
  const read = new Set(Object.values(parts).flatMap((part) => Object.keys((part.in as z.ZodObject).shape)))
  const given = Object.values(services).flatMap((service) => Object.keys(service.environment))
  expect(given.filter((key) => !read.has(key) && key !== 'CARREL_LOG_LEVEL')).toEqual([])
  const knowing = Object.entries(services).filter(([, service]) => 'CARREL_SMTP_PASSWORD' in service.environment)
  expect(knowing.map(([name]) => name)).toEqual(['worker-mail'])
  expect(services['worker-mail']?.environment['CARREL_WORKER_ROLES']).toBe('mail')
  expect(services['worker-mail']?.networks).toEqual(['control', 'data', 'mail', 'metrics'])
})
