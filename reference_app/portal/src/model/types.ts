// The shapes of the portal's HTTP interface, as the server sends them.

export type Kind = 'page' | 'pdf' | 'image' | 'video' | 'audio' | 'text' | 'markdown' | 'file'
export type Scheme = 'light' | 'dark'

export interface Look {
  scheme: Scheme
  primary: string
  accent: string
  background: string
  surface: string
  text: string
  radius: number
  font: 'sans' | 'serif' | 'rounded'
  logo: string | null
  hero: string | null
  hero_title: string
  hero_text: string
}

export interface Site {
  id: number
  name: string
  slug: string
  tagline: string
  sign_up: boolean
  look: Look
}

export interface User {
  id: number
  name: string
  email: string
  role: 'member' | 'staff' | 'owner'
}

export interface Collection {
  id: number
  parent: number | null
  name: string
  slug: string
  summary: string
  position: number
  items: number
}

export interface Item {
  id: number
  collection: number
  title: string
  slug: string
  kind: Kind
  summary: string
  position: number
  size: number
  revision: number
  updated_at: string
  visibility: 'everyone' | 'members' | 'staff'
  /** The import it came with: paths are unique in it. */
  source?: number
  /** Relative to the folder it was imported from; absent while the item is locked. */
  path?: string
  locked: boolean
}

export interface Bootstrap {
  site: Site
  user: User | null
  csrf: string
  collections: Collection[]
  items: Item[]
}

export interface Access {
  url: string
  expires_at: string
  kind: Kind
}
