import { portalClient } from '../setup/portals.ts'
import { startMailServer } from '../support/mail/mail-server.ts'
import { startIdentityProvider } from '../support/oidc/identity-provider.ts'
import { startUserOffice } from '../support/user-office/user-office.ts'

export const returnUrl = 'https://portal.example.org/home'

/** Everybody whom an installation meets when people come: a mail server, a user office, and two issuers, of which one is a portal's. */
export async function startPeopleAround(clientSecret: string, apiPort: number, guest: string) {
  const url = `http://127.0.0.1:${apiPort}`
  /** What the university's token endpoint was shown, and gave. */
  const exchanged: Readonly<Record<string, unknown>>[] = []
  const [mail, office, university, partners] = await Promise.all([
    startMailServer(),
    startUserOffice(),
    startIdentityProvider({
      clients: [
        {
          client_id: 'carrel',
          client_secret: clientSecret,
          grant_types: ['authorization_code', 'refresh_token'],
          redirect_uris: [`${url}/v1/sign-in/university/callback`],
        },
      ],
      accounts: {
        ada: { name: 'Ada', groups: ['users'] },
        grace: { name: 'Grace', groups: ['users'], email: guest, email_verified: true },
      },
      extraClaims: ['groups'],
      hear: (one) => void exchanged.push(one),
    }),
    startIdentityProvider({ clients: [portalClient()], accounts: { ada: { name: 'Ada' } } }),
  ])
  const issuers = [
    {
      id: 'university',
      name: 'The university',
      issuer: university.issuer,
      clientId: 'carrel',
      clientSecret,
      // Who is asked about again leaves tokens to keep.
      groups: { claim: 'groups' },
      allowedGroups: ['users'],
      firstSignIn: { rule: 'open' },
    },
    {
      id: 'partners',
      name: 'Partners',
      issuer: partners.issuer,
      clientId: 'carrel',
      clientSecret,
      exchange: { clients: ['portal'] },
      firstSignIn: { rule: 'open' },
    },
  ]
  const userOffice = {
    issuer: office.url,
    passwords: { url: `${office.url}/login` },
    umbrella: { url: `${office.url}/hash`, proxies: ['127.0.0.1/32'] },
    firstSignIn: { rule: 'open' },
  }
  const invitations = { CARREL_INVITATION_DELIVERY: 'mail', CARREL_INVITATION_URL: `${url}/invitation` }
  return {
    mail,
    office,
    university,
    partners,
    exchanged,
    apiVariables: {
      ...invitations,
      CARREL_API_PORT: String(apiPort),
      CARREL_ISSUERS: JSON.stringify(issuers),
      CARREL_RETURN_URLS: returnUrl,
      CARREL_USER_OFFICE: JSON.stringify(userOffice),
    },
    workerVariables: {
      ...invitations,
      CARREL_WORKER_ROLES: 'core,provider/*,mail',
      CARREL_SMTP_URL: `smtp://${mail.host}:${mail.port}`,
      CARREL_SMTP_TLS: 'none',
      CARREL_MAIL_FROM: 'Carrel <carrel@site.example>',
    },
    close: async () => {
      await Promise.all([mail, office, university, partners].map(async (one) => await one.close()))
    },
  }
}
export type PeopleAround = Awaited<ReturnType<typeof startPeopleAround>>
