import type { MailAnswer } from '../mailer.ts'

/** What of an error of the SMTP library decides. */
export interface SmtpError {
  readonly message?: unknown
  readonly code?: unknown
  readonly originalCode?: unknown
  readonly command?: unknown
  readonly response?: unknown
  readonly responseCode?: unknown
}

const longestDetail = 300
const detailOf = ({ response, message }: SmtpError): string => {
  const words = typeof response === 'string' ? response : typeof message === 'string' ? message : ''
  return words.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, longestDetail)
}

/**
 * What a failed try means. `given`: the mail itself was under way, so that without a word of the server it may have been taken.
 * A server that does not let this site send (5.7.x, relaying, credentials) is the site's to mend and no bounce; a full mailbox
 * (x.2.2) is emptied some day, whatever its code says.
 */
export function answerOf(error: SmtpError, given: boolean): MailAnswer {
  const detail = detailOf(error)
  const later = (code: Extract<MailAnswer, { kind: 'later' }>['code']): MailAnswer => ({ kind: 'later', code, detail })
  const said = typeof error.responseCode === 'number' ? error.responseCode : null
  const command = typeof error.command === 'string' ? error.command : ''
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH' || command.startsWith('AUTH')) return later('auth_refused')
  if (said === null || error.code === 'ETLS' || error.code === 'EREQUIRETLS')
    return given ? later('unconfirmed') : later(silent(error))
  if (said < 500) return later('deferred')
  const [, subject, exact] = /^\d{3}[ -]\d\.(\d{1,3})\.(\d{1,3})\b/.exec(String(error.response)) ?? []
  if (command === 'RCPT TO') {
    if (subject === '2' && exact === '2') return later('deferred')
    if (subject === '7' || said === 530 || said === 503) return later('sender_refused')
    return { kind: 'refused', code: 'recipient_refused', detail }
  }
  if (command === 'DATA' && said !== 503) return { kind: 'refused', code: 'message_refused', detail }
  return later('sender_refused')
}

/** Why nothing was heard. */
function silent({ code, originalCode }: SmtpError): 'timeout' | 'tls_failed' | 'unreachable' | 'failed' {
  if (code === 'ETIMEDOUT') return 'timeout'
  if (code === 'ETLS' || code === 'EREQUIRETLS') return 'tls_failed'
  const cause = typeof originalCode === 'string' ? originalCode : ''
  if (/CERT|TLS|SSL|SIGNATURE|ISSUER|ALTNAME/.test(cause)) return 'tls_failed'
  const absent = ['ECONNECTION', 'ESOCKET', 'EDNS', 'EPROTOCOL']
  return typeof code === 'string' && absent.includes(code) ? 'unreachable' : 'failed'
}
