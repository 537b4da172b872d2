import type { Generated } from 'kysely'
import type { PauseWish, ResumesBy } from '../domain/pausing.ts'
import type { ResumeRefusal } from '../domain/pausing.ts'
import type { NullableJson } from './schema-columns.ts'

/** What a session's row knows of its resting. One wish at a time; the number says which. */
export interface PauseColumns {
  pause_wish: PauseWish | null
  pause_wish_number: Generated<number>
  /** Up to which number all wishes are settled, however. */
  pause_settled_number: Generated<number>
  /** How it comes back; set as it comes to rest. */
  resumes_by: ResumesBy | null
  /** The wish for which the present generation was begun. */
  remade_number: Generated<number>
  /** Why the last wish to resume, once settled, left it paused. */
  resume_refusal: NullableJson<ResumeRefusal>
}
