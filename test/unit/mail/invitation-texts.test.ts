import { describe, expect, test } from 'vitest'
import { composeInvitation, invitationTexts } from '../../../activities/invitation-texts/compose.ts'
import type { Invited } from '../../../activities/invitation-texts/compose.ts'
import { languages, mailKinds } from '../../../domain/invitation.ts'
import type { InvitationPlace } from '../../../domain/invitation.ts'

const link = 'https://carrel.example/invitation#carrel_invitation_abc'
const places: readonly InvitationPlace[] = [
  ...(['owner', 'editor', 'viewer'] as const).map((role) => ({ kind: 'project' as const, role })),
  ...(['view', 'control'] as const).map((mode) => ({ kind: 'session' as const, mode })),
]
const invited = (more: Partial<Invited> = {}): Invited => ({
  kind: 'first',
  language: 'en',
  place: { kind: 'project', role: 'editor' },
  inviterName: 'Grace Hopper',
  projectName: 'Compilers',
  sessionName: 'a desk',
  email: 'ada@site.example',
  anyone: false,
  answered: true,
  expiresAt: new Date('2026-12-24T11:30:00Z'),
  timeZone: 'Europe/Amsterdam',
  link,
  ...more,
})

/** Every text of a language, with the way that leads to it. */
function textsIn(value: unknown, path = ''): (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]]
  return Object.entries(value as object).flatMap(([key, inner]) => textsIn(inner, `${path}/${key}`))
}
const namesIn = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted()

describe.each(languages)('in %s', (language) => {
  const english = textsIn(invitationTexts.en)
  const texts = textsIn(invitationTexts[language])

  test('there is every text, each its own, with the names that the English one has', () => {
    expect(texts.map(([path]) => path)).toEqual(english.map(([path]) => path))
    expect(texts.map(([path, text]) => [path, namesIn(text)])).toEqual(
      english.map(([path, text]) => [path, namesIn(text)]),
    )
    for (const [path, text] of texts) {
      expect([path, text.trim()]).toEqual([path, text])
      expect(text.length).toBeGreaterThan(3)
    }
    if (language !== 'en') expect(texts.filter(([, text], n) => text === english[n]?.[1])).toEqual([])
  })

  test.each(mailKinds.flatMap((kind) => places.map((place) => [kind, place] as const)))(
    'a mail (%s, %o) says who invites, to what, until when, and has the link once in each part',
    (kind, place) => {
      const { subject, text, html } = composeInvitation(invited({ kind, place, language }))
      for (const part of [text, html]) {
        expect(part).toContain('Grace Hopper')
        expect(part).toContain('Compilers')
        expect(part).toContain('2026')
        expect(part).not.toMatch(/[{}]/)
      }
      expect(subject).toContain('Grace Hopper')
      expect(text.split(link)).toHaveLength(2)
      expect(html.split(`href="${link}"`)).toHaveLength(2)
      expect(html).toContain(`<html lang="${language}">`)
      expect(html).not.toMatch(/<(img|script|link|iframe)|url\(/)
    },
  )

  test('what people wrote is text, and no markup, header or template', () => {
    const hostile = '<img src=x onerror=alert(1)>"\'&{email}'
    const { html, text } = composeInvitation(
      invited({ language, inviterName: hostile, projectName: hostile, link: `${link}"><b>` }),
    )
    expect(html).not.toContain('<img')
    expect(html).not.toContain('"><b>')
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;{email}')
    expect(text).toContain(hostile)
  })
})

test('times are those of the site, and what does not hold is left out', () => {
  expect(composeInvitation(invited()).text).toContain('12:30')
  expect(composeInvitation(invited({ timeZone: 'UTC' })).text).toContain('11:30')
  expect(composeInvitation(invited()).text).toContain('ada@site.example')
  const open = composeInvitation(invited({ anyone: true, answered: false })).text
  expect(open).not.toContain('ada@site.example')
  expect(open).toContain('Do not pass this mail on')
  expect(open).not.toContain('Your answer')
})
