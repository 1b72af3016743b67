// What the doorbell's machine code and the sentry have in common: addresses, sizes and the states
// of a slot. For C++ and for the assembler, hence macros. docs/adr/015-doorbell.md.
#ifndef MOAT_PLATFORM_DOORBELL_LAYOUT_H_
#define MOAT_PLATFORM_DOORBELL_LAYOUT_H_

// Two pages of the task, at an address whose upper half, written little endian at the end of a
// `jmp`, is the `syscall` instruction (0f 05).
#define MOAT_DOORBELL_TABLE 0x050f0000          // jump targets, 8 bytes for each site; read-only
#define MOAT_DOORBELL_RETURNS 0x050f0200        // where each site goes on, 8 bytes each
#define MOAT_DOORBELL_NUMBERS 0x050f0400        // the system call of each site, 4 bytes each
#define MOAT_DOORBELL_ARENA_POINTER 0x050f1000  // 0 in children of fork; a page of its own

#define MOAT_DOORBELL_SITES 64

// In the page of code.
#define MOAT_DOORBELL_THUNKS 0x800
#define MOAT_DOORBELL_THUNK_SIZE 32
#define MOAT_DOORBELL_THUNK_TRAP 10  // where a thunk makes the call itself

// The arena: one page, shared with the sentry. First a header, then the slots.
#define MOAT_DOORBELL_ARENA_SIZE 4096
#define MOAT_DOORBELL_LISTENING 0  // somebody waits for rings
#define MOAT_DOORBELL_RUNG 64      // a slot was posted
#define MOAT_DOORBELL_SLOT_SIZE 512
#define MOAT_DOORBELL_SLOTS 7

#define MOAT_DOORBELL_STATE 0
#define MOAT_DOORBELL_SITE 4
#define MOAT_DOORBELL_TID 8
#define MOAT_DOORBELL_WORDS 12  // of the result behind the pointer, 8 bytes each
#define MOAT_DOORBELL_ARGS 16
#define MOAT_DOORBELL_STACK 64
#define MOAT_DOORBELL_RESULT 72
#define MOAT_DOORBELL_TO 80  // the pointer
#define MOAT_DOORBELL_DATA 128

// FREE is even and all others are odd: a slot is claimed by setting bit 0.
#define MOAT_DOORBELL_FREE 0
#define MOAT_DOORBELL_CLAIMED 1
#define MOAT_DOORBELL_POSTED 3
#define MOAT_DOORBELL_TAKEN 5
#define MOAT_DOORBELL_ABANDONED 7
#define MOAT_DOORBELL_DONE 9       // from here on: answered
#define MOAT_DOORBELL_DECLINED 11  // to be made as a system call

// How often the caller looks before it makes the call by a trap, with a `pause` of some 40 to 140
// cycles in between: 20 to 50 us.
#define MOAT_DOORBELL_LOOKS 1024

#endif  // MOAT_PLATFORM_DOORBELL_LAYOUT_H_
