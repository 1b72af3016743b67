// What a patched system call of the workload runs instead of the `syscall` instruction: it leaves the
// call in a slot of the arena and looks for the answer, or makes the call after all.
//
// One page, for any address. It uses rax, rcx and r11, which a system call may change, keeps what
// else it needs in its slot, and touches no stack: a caller may have less than a red zone left. A signal may
// come at every instruction, and its handler may ring, too, or never come back (its slot is lost
// then). docs/adr/015-doorbell.md.
#include "platform/doorbell/layout.h"

        .section .rodata
        .balign 4096
        .globl  moat_doorbell_code
        .hidden moat_doorbell_code
moat_doorbell_code:
        // ecx: the site.
        movq    MOAT_DOORBELL_ARENA_POINTER, %r11
        testq   %r11, %r11
        jz      .Ltrap
        cmpl    $0, MOAT_DOORBELL_LISTENING(%r11)
        je      .Ltrap
        // fstat(2) as C libraries make it runs natively: no need to ask anybody.
        cmpl    $262, MOAT_DOORBELL_NUMBERS(,%rcx,4)    // newfstatat
        je      .Lnewfstatat
        cmpl    $332, MOAT_DOORBELL_NUMBERS(,%rcx,4)    // statx
        jne     .Lring
        testl   $0x1000, %edx                           // AT_EMPTY_PATH
        jnz     .Ltrap
        jmp     .Lring
.Lnewfstatat:
        testl   $0x1000, %r10d
        jnz     .Ltrap
.Lring:
        addq    $MOAT_DOORBELL_SLOT_SIZE, %r11
.Lclaim:
        lock btsl $0, MOAT_DOORBELL_STATE(%r11)
        jnc     .Lpost
        addq    $MOAT_DOORBELL_SLOT_SIZE, %r11
        testl   $(MOAT_DOORBELL_ARENA_SIZE - 1), %r11d
        jnz     .Lclaim
        jmp     .Ltrap

.Lpost:
        movl    %ecx, MOAT_DOORBELL_SITE(%r11)
        movq    %rdi, MOAT_DOORBELL_ARGS(%r11)
        movq    %rsi, MOAT_DOORBELL_ARGS+8(%r11)
        movq    %rdx, MOAT_DOORBELL_ARGS+16(%r11)
        movq    %r10, MOAT_DOORBELL_ARGS+24(%r11)
        movq    %r8, MOAT_DOORBELL_ARGS+32(%r11)
        movq    %r9, MOAT_DOORBELL_ARGS+40(%r11)
        movq    %rsp, MOAT_DOORBELL_STACK(%r11)
        movq    %r11, %rdi
        movl    $186, %eax                      // gettid(2): a child of vfork shares everything but that
        syscall
        movq    %rdi, %r11
        movl    %eax, MOAT_DOORBELL_TID(%r11)
        movl    $MOAT_DOORBELL_POSTED, MOAT_DOORBELL_STATE(%r11)
        movq    MOAT_DOORBELL_ARENA_POINTER, %rcx
        movl    $1, MOAT_DOORBELL_RUNG(%rcx)
        movl    $MOAT_DOORBELL_LOOKS, %ecx
.Llook:
        cmpl    $MOAT_DOORBELL_DONE, MOAT_DOORBELL_STATE(%r11)
        jae     .Lanswered
        pause
        decl    %ecx
        jnz     .Llook

        // Nobody answers. Read before the slot may become another's.
        movl    MOAT_DOORBELL_SITE(%r11), %ecx
        movq    MOAT_DOORBELL_ARGS(%r11), %rdi
        movl    $MOAT_DOORBELL_ABANDONED, %eax
        xchgl   %eax, MOAT_DOORBELL_STATE(%r11)
        cmpl    $MOAT_DOORBELL_TAKEN, %eax
        je      .Lsilence                       // whoever took it frees it
        movl    $MOAT_DOORBELL_FREE, MOAT_DOORBELL_STATE(%r11)
.Lsilence:
        movq    MOAT_DOORBELL_ARENA_POINTER, %r11
        testq   %r11, %r11                      // 0 in a child that a signal handler forked
        jz      .Ltrap
        movl    $0, MOAT_DOORBELL_LISTENING(%r11)

.Ltrap:
        shll    $5, %ecx
        leaq    moat_doorbell_code + MOAT_DOORBELL_THUNKS + MOAT_DOORBELL_THUNK_TRAP(%rip), %r11
        addq    %rcx, %r11
        jmp     *%r11

.Lanswered:
        movl    MOAT_DOORBELL_STATE(%r11), %eax
        cmpl    $MOAT_DOORBELL_DONE, %eax
        jne     .Ldeclined
        movq    MOAT_DOORBELL_TO(%r11), %rdi
        leaq    MOAT_DOORBELL_DATA(%r11), %rsi
        movl    MOAT_DOORBELL_WORDS(%r11), %ecx
        rep movsq
        movq    MOAT_DOORBELL_ARGS(%r11), %rdi
        movq    MOAT_DOORBELL_ARGS+8(%r11), %rsi
        movq    MOAT_DOORBELL_RESULT(%r11), %rax
        movl    MOAT_DOORBELL_SITE(%r11), %ecx
        movl    $MOAT_DOORBELL_FREE, MOAT_DOORBELL_STATE(%r11)
        movq    MOAT_DOORBELL_RETURNS(,%rcx,8), %rcx
        jmp     *%rcx

.Ldeclined:
        movl    MOAT_DOORBELL_SITE(%r11), %ecx
        movq    MOAT_DOORBELL_ARGS(%r11), %rdi
        movl    $MOAT_DOORBELL_FREE, MOAT_DOORBELL_STATE(%r11)
        jmp     .Ltrap

        // One thunk for each site.
        .org    moat_doorbell_code + MOAT_DOORBELL_THUNKS
        .set    site, 0
        .rept   MOAT_DOORBELL_SITES
        .org    moat_doorbell_code + MOAT_DOORBELL_THUNKS + site * MOAT_DOORBELL_THUNK_SIZE
        movl    $site, %ecx
        .byte   0xe9                            // jmp, always with 32 bits: the size is part of the layout
        .long   moat_doorbell_code - . - 4
1:      movl    MOAT_DOORBELL_NUMBERS + 4 * site, %eax
        syscall
        // A signal that came before the sentry had received the notification; no call that asks
        // has this errno.
        cmpq    $-4, %rax
        je      1b
        jmp     *(MOAT_DOORBELL_RETURNS + 8 * site)
        .set    site, site + 1
        .endr
        .org    moat_doorbell_code + 4096

        .section .note.GNU-stack, "", @progbits
