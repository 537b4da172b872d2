import type { InvitationTexts } from './texts.ts'

export const fr: InvitationTexts = {
  subject: {
    project: '{inviter} vous invite au projet {project}',
    session: '{inviter} vous invite à la session {session}',
    reminder: 'Rappel : {inviter} vous a invité(e)',
  },
  greeting: 'Bonjour,',
  offer: {
    project: {
      owner:
        '{inviter} vous invite au projet {project} comme propriétaire : vous pourrez y faire tout et inviter d’autres personnes.',
      editor:
        '{inviter} vous invite au projet {project} comme éditeur : vous pourrez y démarrer et utiliser des sessions.',
      viewer: '{inviter} vous invite au projet {project} comme lecteur : vous pourrez voir ce qui s’y trouve.',
    },
    session: {
      view: '{inviter} vous invite à suivre la session en cours {session} du projet {project}.',
      control: '{inviter} vous invite à travailler ensemble dans la session en cours {session} du projet {project}.',
    },
  },
  reminder: 'Ceci est le rappel d’une invitation à laquelle vous n’avez pas encore répondu.',
  open: 'Voir l’invitation',
  until:
    'Le lien fonctionne une seule fois, jusqu’au {until}. L’ouvrir ne change rien : vous décidez sur la page affichée.',
  onlyYou: 'Pour accepter, connectez-vous avec un compte dont l’adresse est {email}.',
  anyone: 'Ne transmettez pas ce message : quiconque possède le lien peut accepter à votre place.',
  unexpected: 'Vous ne vous y attendiez pas ? Ignorez ce message. Rien ne se passe sans votre accord.',
  answers: 'Votre réponse à ce message sera adressée à {inviter}.',
}
