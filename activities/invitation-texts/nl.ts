import type { InvitationTexts } from './texts.ts'

export const nl: InvitationTexts = {
  subject: {
    project: '{inviter} nodigt je uit voor het project {project}',
    session: '{inviter} nodigt je uit voor de sessie {session}',
    reminder: 'Herinnering: {inviter} heeft je uitgenodigd',
  },
  greeting: 'Hallo,',
  offer: {
    project: {
      owner:
        '{inviter} nodigt je uit voor het project {project} als eigenaar: je mag daar alles en kunt anderen uitnodigen.',
      editor:
        '{inviter} nodigt je uit voor het project {project} als bewerker: je kunt er sessies starten en gebruiken.',
      viewer: '{inviter} nodigt je uit voor het project {project} als lezer: je kunt zien wat er is.',
    },
    session: {
      view: '{inviter} nodigt je uit om mee te kijken in de lopende sessie {session} van het project {project}.',
      control: '{inviter} nodigt je uit om samen te werken in de lopende sessie {session} van het project {project}.',
    },
  },
  reminder: 'Dit is een herinnering aan een uitnodiging die je nog niet hebt beantwoord.',
  open: 'Bekijk de uitnodiging',
  until: 'De link werkt één keer, tot {until}. Openen verandert niets: je beslist op de pagina die dan verschijnt.',
  onlyYou: 'Om te accepteren meld je je aan met een account met het adres {email}.',
  anyone: 'Stuur deze mail niet door: wie de link heeft, kan in jouw plaats accepteren.',
  unexpected: 'Verwachtte je dit niet? Negeer de mail dan. Zonder jouw toestemming gebeurt er niets.',
  answers: 'Je antwoord op deze mail gaat naar {inviter}.',
}
