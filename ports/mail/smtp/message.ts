import MailComposer from 'nodemailer/lib/mail-composer'
import { headerText, messageIdOf } from '../mailer.ts'
import type { Mail } from '../mailer.ts'
import type { SmtpSettings } from './settings.ts'

/**
 * A mail as it goes over the wire, the same bytes at each try but for its date. Nothing in it is read from a file or an address; what
 * people wrote stands in it as one line, encoded. Marked so that no absence note answers it.
 */
export async function composeMessage(mail: Mail, from: SmtpSettings['from']): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: headerText(from.name), address: from.address },
    to: { name: '', address: mail.to },
    ...(mail.replyTo === null
      ? {}
      : { replyTo: { name: headerText(mail.replyTo.name), address: mail.replyTo.address } }),
    subject: headerText(mail.subject),
    text: mail.text,
    html: mail.html,
    messageId: messageIdOf(mail.key, from.address),
    headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': mail.language },
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: '\r\n',
  })
  return await composer.compile().build()
}
