import type { InvitationPlace, Language, MailKind } from '../../domain/invitation.ts'
import { de } from './de.ts'
import { en } from './en.ts'
import { es } from './es.ts'
import { fr } from './fr.ts'
import { nl } from './nl.ts'
import type { InvitationTexts } from './texts.ts'

export const invitationTexts: Readonly<Record<Language, InvitationTexts>> = { en, nl, de, fr, es }

/** What a mail about an invitation is made of. */
export interface Invited {
  readonly kind: MailKind
  readonly language: Language
  readonly place: InvitationPlace
  readonly inviterName: string
  readonly projectName: string
  readonly sessionName: string | null
  readonly email: string
  readonly anyone: boolean
  /** Whether somebody is answered. */
  readonly answered: boolean
  readonly expiresAt: Date
  readonly timeZone: string
  readonly link: string
}

export interface Composed {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replace(/[&<>"']/g, (mark) => marks[mark] ?? '')

type Values = Readonly<Record<string, string>>
/** Puts each value in its place, once: what stands in braces in a value stays. */
const filled = (template: string, values: Values): string =>
  template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)

/** Writes the mail in its language. What people wrote is text in the HTML, whatever it looks like. */
export function composeInvitation(invited: Invited): Composed {
  const { kind, place, language, link } = invited
  const texts = invitationTexts[language]
  const until = new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: invited.timeZone,
  }).format(invited.expiresAt)
  const values: Values = {
    inviter: invited.inviterName,
    project: invited.projectName,
    session: invited.sessionName ?? '',
    email: invited.email,
    until,
  }
  const offer = place.kind === 'project' ? texts.offer.project[place.role] : texts.offer.session[place.mode]
  const before = kind === 'reminder' ? [texts.reminder, offer] : [offer]
  const after = [
    texts.until,
    invited.anyone ? texts.anyone : texts.onlyYou,
    ...(invited.answered ? [texts.answers] : []),
    texts.unexpected,
  ]
  const subject = filled(kind === 'reminder' ? texts.subject.reminder : texts.subject[place.kind], values)
  const plain = (lines: readonly string[]) => lines.map((line) => filled(line, values))
  const text = [texts.greeting, ...plain(before), `${texts.open}:\n${link}`, ...plain(after)].join('\n\n')
  return { subject, text: `${text}\n`, html: htmlOf({ language, subject, texts, before, after, link, values }) }
}

interface Html {
  readonly language: Language
  readonly subject: string
  readonly texts: InvitationTexts
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly link: string
  readonly values: Values
}

const button =
  'display:inline-block;padding:10px 18px;background:#2f5fd0;color:#ffffff;border-radius:8px;text-decoration:none'
const body = 'margin:0;padding:24px;font:16px/1.6 sans-serif;color:#1c2330;background:#ffffff'

/** One column, no picture, nothing that is loaded from anywhere. */
function htmlOf({ language, subject, texts, before, after, link, values }: Html): string {
  const safe = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, escaped(value)]))
  const paragraph = (line: string) => `<p>${filled(escaped(line), safe)}</p>`
  const href = escaped(link)
  return [
    '<!doctype html>',
    `<html lang="${language}"><head><meta charset="utf-8"><title>${escaped(subject)}</title></head>`,
    `<body style="${body}"><div style="max-width:34em">`,
    `<p>${escaped(texts.greeting)}</p>`,
    ...before.map(paragraph),
    `<p><a href="${href}" style="${button}">${escaped(texts.open)}</a></p>`,
    `<p style="word-break:break-all"><small>${href}</small></p>`,
    ...after.map(paragraph),
    '</div></body></html>',
    '',
  ].join('\n')
}
