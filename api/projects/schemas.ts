import { z } from '@hono/zod-openapi'
import type { Member } from '../../db/project-members.ts'
import type { ListedProject } from '../../db/project-list.ts'
import type { Project } from '../../db/projects.ts'
import { sharings } from '../../domain/template.ts'
import { projectRoles } from '../../domain/authorization.ts'
import { id, idOf, iso, isoOrNull, line, nullableTime, time } from '../fields.ts'

export const ProjectCreate = z
  .strictObject({ name: line(200), description: line(2_000).or(z.literal('')).default('') })
  .openapi('ProjectCreate')

const sharing = z.enum(sharings).openapi({
  description:
    'With whom sessions may be shared, where their template allows as much: nobody, members of the project, whom an owner invites',
})

export const ProjectPatch = z
  .strictObject({
    name: line(200).optional(),
    description: line(2_000).or(z.literal('')).optional(),
    sharing: sharing.optional(),
  })
  .openapi('ProjectPatch')

export const ProjectDocument = z
  .object({
    id,
    name: z.string(),
    description: z.string(),
    personalOf: id.nullable().openapi({ description: 'The account whose personal project this is' }),
    sharing,
    source: z.string().nullable().openapi({ description: 'The catalogue that it comes from; `null`: made here' }),
    externalId: z.string().nullable(),
    createdAt: time,
    closedAt: nullableTime,
    isFavourite: z.boolean().optional().openapi({ description: 'Where it is read, alone or in lists' }),
    staleSince: nullableTime.optional().openapi({
      description:
        'Where it is read, alone or in lists: since when its catalogue could not be asked. This is how it was last known to be',
    }),
  })
  .openapi('Project')

export const ProjectTransfer = z.strictObject({ accountId: idOf('account') }).openapi('ProjectTransfer')

export const MemberPut = z.strictObject({ role: z.enum(projectRoles) }).openapi('MemberPut')

export const MemberDocument = z
  .object({
    accountId: id,
    displayName: z.string(),
    role: z.enum(projectRoles),
    source: z.string().nullable(),
    addedAt: time,
  })
  .openapi('Member')

export const presentProject = (project: Project): z.infer<typeof ProjectDocument> => ({
  id: project.id,
  name: project.name,
  description: project.description,
  personalOf: project.personalOf,
  sharing: project.sharing,
  source: project.source,
  externalId: project.externalId,
  createdAt: iso(project.createdAt),
  closedAt: isoOrNull(project.closedAt),
})

export const presentListedProject = (project: ListedProject): z.infer<typeof ProjectDocument> => ({
  ...presentProject(project),
  isFavourite: project.isFavourite,
  staleSince: isoOrNull(project.staleSince),
})

export const presentMember = (member: Member): z.infer<typeof MemberDocument> => ({
  accountId: member.accountId,
  displayName: member.displayName,
  role: member.role,
  source: member.source,
  addedAt: iso(member.addedAt),
})
