import type { InvitationTexts } from './texts.ts'

export const es: InvitationTexts = {
  subject: {
    project: '{inviter} le invita al proyecto {project}',
    session: '{inviter} le invita a la sesión {session}',
    reminder: 'Recordatorio: {inviter} le ha invitado',
  },
  greeting: 'Hola:',
  offer: {
    project: {
      owner:
        '{inviter} le invita al proyecto {project} como propietario: podrá hacer todo en él e invitar a otras personas.',
      editor: '{inviter} le invita al proyecto {project} como editor: podrá iniciar y usar sesiones en él.',
      viewer: '{inviter} le invita al proyecto {project} como lector: podrá ver lo que hay en él.',
    },
    session: {
      view: '{inviter} le invita a ver la sesión en curso {session} del proyecto {project}.',
      control: '{inviter} le invita a trabajar juntos en la sesión en curso {session} del proyecto {project}.',
    },
  },
  reminder: 'Este es un recordatorio de una invitación a la que aún no ha respondido.',
  open: 'Ver la invitación',
  until:
    'El enlace funciona una sola vez, hasta el {until}. Abrirlo no cambia nada: usted decide en la página que muestra.',
  onlyYou: 'Para aceptar, inicie sesión con una cuenta cuya dirección sea {email}.',
  anyone: 'No reenvíe este correo: quien tenga el enlace puede aceptar en su lugar.',
  unexpected: '¿No esperaba este mensaje? Ignórelo. Sin su consentimiento no ocurre nada.',
  answers: 'Su respuesta a este correo llegará a {inviter}.',
}
