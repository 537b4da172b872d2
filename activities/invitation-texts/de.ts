import type { InvitationTexts } from './texts.ts'

export const de: InvitationTexts = {
  subject: {
    project: '{inviter} lädt Sie in das Projekt {project} ein',
    session: '{inviter} lädt Sie in die Sitzung {session} ein',
    reminder: 'Erinnerung: {inviter} hat Sie eingeladen',
  },
  greeting: 'Guten Tag,',
  offer: {
    project: {
      owner:
        '{inviter} lädt Sie als Eigentümer in das Projekt {project} ein: Sie dürfen dort alles und können andere einladen.',
      editor:
        '{inviter} lädt Sie als Bearbeiter in das Projekt {project} ein: Sie können dort Sitzungen starten und nutzen.',
      viewer: '{inviter} lädt Sie als Leser in das Projekt {project} ein: Sie können sehen, was dort ist.',
    },
    session: {
      view: '{inviter} lädt Sie ein, in der laufenden Sitzung {session} des Projekts {project} zuzusehen.',
      control: '{inviter} lädt Sie ein, in der laufenden Sitzung {session} des Projekts {project} mitzuarbeiten.',
    },
  },
  reminder: 'Dies ist eine Erinnerung an eine Einladung, die Sie noch nicht beantwortet haben.',
  open: 'Einladung ansehen',
  until: 'Der Link gilt einmal, bis {until}. Ihn zu öffnen ändert nichts: Sie entscheiden auf der Seite, die er zeigt.',
  onlyYou: 'Um anzunehmen, melden Sie sich mit einem Konto an, das die Adresse {email} hat.',
  anyone: 'Geben Sie diese Mail nicht weiter: Wer den Link hat, kann an Ihrer Stelle annehmen.',
  unexpected: 'Sie haben das nicht erwartet? Dann lassen Sie es unbeachtet. Ohne Ihre Zustimmung geschieht nichts.',
  answers: 'Ihre Antwort auf diese Mail geht an {inviter}.',
}
