import type { InvitationTexts } from './texts.ts'

export const en: InvitationTexts = {
  subject: {
    project: '{inviter} invites you to the project {project}',
    session: '{inviter} invites you to the session {session}',
    reminder: 'Reminder: {inviter} has invited you',
  },
  greeting: 'Hello,',
  offer: {
    project: {
      owner:
        '{inviter} invites you to the project {project} as an owner: you may do everything there, and invite others.',
      editor: '{inviter} invites you to the project {project} as an editor: you may start and use sessions there.',
      viewer: '{inviter} invites you to the project {project} as a viewer: you may see what is there.',
    },
    session: {
      view: '{inviter} invites you to watch the running session {session} of the project {project}.',
      control: '{inviter} invites you to work together in the running session {session} of the project {project}.',
    },
  },
  reminder: 'This is a reminder of an invitation that you have not answered yet.',
  open: 'See the invitation',
  until: 'The link works once, until {until}. Opening it changes nothing: you decide on the page that it shows.',
  onlyYou: 'To accept, sign in with an account whose address is {email}.',
  anyone: 'Do not pass this mail on: whoever has the link may accept in your place.',
  unexpected: 'You did not expect this? Then ignore it. Without your consent nothing happens.',
  answers: 'Your answer to this mail goes to {inviter}.',
}
