import type { PosixWords } from '../../../domain/posix.ts'

/** What a directory says of an office login. */
export type DirectoryAnswer =
  /** In its own words: whoever asked checks them. */
  | { readonly kind: 'found'; readonly words: PosixWords }
  /** It knows no such login. */
  | { readonly kind: 'absent' }
  /** It knows several, and so nobody. */
  | { readonly kind: 'ambiguous' }
  /** It did not answer, or not as a directory does: what it knows is unknown. `detail` is for operators. */
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Knows who people are to file systems, by their office login: by its whole text, and nothing in it is a pattern. */
export interface Directory {
  /** Answers within its time, whatever the directory does; never throws. */
  lookUp(login: string): Promise<DirectoryAnswer>
}

/** Whether it can be somebody's: directories leave blanks at the ends out of what they compare, and none is in a login. */
export const isLogin = (text: string): boolean => /^[\x21-\x7E]{1,255}$/.test(text)
