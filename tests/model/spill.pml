/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spill.pml: the life of buffers that are spilled, for spin: one that is made by a generator (0: spilled, or dropped where
 * that fails) and one that was put in (1: spilled, or kept where that fails), under a limit with room for one of them; two consumers
 * and a worker; a disk that may fail, be full or rest at any time; a manager that is closed at any time. Where buffer.pml has an
 * operation on a word, and limit.pml a region of the account's lock, here is a step, and between them are the disk's.
 *
 *   inline or process  what                                           src/core
 *   drop               RESIDENT -> EVICTING -> VIRTUAL, SPILLED, or back to RESIDENT   drop, leave_evicting (buffer.c)
 *     part             able, room in the file, written, or not        part (buffer.c), vcol__spill_able, vcol__spill_write (spill.c)
 *     free_extent      punched, then free                             vcol__spill_free (spill.c)
 *   drop_spilled       SPILLED -> EVICTING -> VIRTUAL                 drop_spilled (buffer.c)
 *   clear              drop, wait for an eviction, doom, take back    vcol__buffer_clear, await_eviction (buffer.c)
 *   reserve            room, or room made, or asleep, or the grant over the limit   vcol__account_reserve (account.c)
 *     make_room        each that can go, once                         vcol__evict_make_room, first_to_go (evict.c), evict_pinned (buffer.c)
 *   run_load           closing; read back, or made; publish           vcol__load_run, publish (load.c)
 *     fill of 0        read back, else forget the extent and make it  read_back, load (generate.c), vcol__buffer_forget_extent (buffer.c)
 *     fill of 1        read back, or an error                         load (put.c)
 *   pin, unpin         join or start; the last unpin of a DOOMED one  vcol__buffer_pin_slow, join, vcol__buffer_unpin_slow (buffer.c)
 *   scope, take_back   VIRTUAL -> QUEUED -> VIRTUAL, spilled or not   vcol__queue_add, vcol__queue_remove (queue.c)
 *   worker             QUEUED -> LOADING                              run_and_leave (queue.c)
 *   closer             closing; what is queued is taken back          vcol_manager_close (manager.c), vcol__pool_destroy (pool.c)
 *   the end            the last handles                               vcol_buffer_release (buffer.c)
 *
 * What must hold:
 *   what was put in is in memory or, whole, in the file until it is cleared, and a pin finds it but when the file cannot be read or the
 *   manager is closed; when all is done after a clear of it, it is in neither;
 *   a reader finds the values; nothing is freed or written that is not there; one instance, one load and one extent at most;
 *   no more than the limit is in use, but for what was granted over it, which is not granted while something runs, is on its way
 *   (a spill that is being written, too) or could be dropped without a disk;
 *   nobody waits for ever (no invalid end state), and nobody goes on for ever (no cycle: run.sh looks for one);
 *   in the end, with the last handle gone, nothing is in memory, in the file, charged, runnable or moving.
 *
 * The faults (FAULT_...): KEEP, what was put in and cannot be written is dropped; LATE, clear does not wait for an eviction; READ, a
 * clear while it is read back is forgotten when that fails; FLAG, SPILLED is not set; WAKE, who waits for an eviction that
 * ends with the buffer kept is not woken; MOVING, a grant over the limit although a spill is being written; EVENT, a spill that failed is told as if it had given
 * memory back, so that who needs it tries again for ever: the code had that one (README.md). run.sh looks after it
 * that each is found.
 */
#ifndef OPS0
#define OPS0 2 /* operations of the first consumer, which also prefetches: pin, scope */
#endif
#ifndef OPS1
#define OPS1 2 /* operations of the second: pin, clear */
#endif
#define LIMIT 1
#define PUT 1

#define VIRTUAL 0 /* SPILLED where the flag is set */
#define QUEUED 1
#define LOADING 2
#define RESIDENT 3
#define EVICTING 4

/* The buffers. */
byte state[2];
byte pins[2];
bit doomed[2];
bit spilled[2];  /* the flag in the word */
bit extent[2];   /* buffer.extent */
bit mem[2];      /* an instance */
bit demanded[2]; /* load.demanded */

/* The account. */
byte live;       /* and promised: what is granted is charged until it is freed */
byte runnable;
byte moving;
bit want[2];     /* consumers in line */
bit head;        /* which of them came first */
bit event[2];
bit sleeps[2];
byte making;     /* threads in make_room */

bit closing;
bit worker_ended;

#define NOTHING 0
#define FILLED 1
#define FAILED 2
#define STOPPED 3
byte joined[3];  /* the buffer whose load it waits for, plus 1 */
byte told[3];
byte asleep[3];  /* on stripe.changed: the buffer, plus 1 */
bit scope[2];    /* the first consumer has a scope open that names it */

/* Ghosts. */
byte ceiling = LIMIT;
byte used;       /* stretches of the file */
bit whole[2];    /* the extent has the values */
bit good[2];     /* the instance has them */
bit cleared;     /* a clear of what was put in has begun */
bit clears;      /* and one has ended */
byte telling;    /* threads that are about to tell the line of something that can be dropped now */
byte done;

#define LINE (want[0] || want[1])
#define WAITING (making > 0 || LINE)
#define EVENT event[0] = want[0]; event[1] = want[1]; sleeps[0] = 0; sleeps[1] = 0
#define WAKE(b) \
    asleep[0] = (asleep[0] == b + 1 -> 0 : asleep[0]); \
    asleep[1] = (asleep[1] == b + 1 -> 0 : asleep[1]); \
    asleep[2] = (asleep[2] == b + 1 -> 0 : asleep[2])
#define EVICTABLE(b) (state[b] == RESIDENT && pins[b] == 0)

#ifdef FAULT_MOVING
#define BEGIN_MOVING skip
#define LESS_MOVING skip
#else
#define BEGIN_MOVING moving++
#define LESS_MOVING assert(moving > 0); moving--
#endif
/* vcol__account_settled */
#define SETTLED LESS_MOVING; EVENT
/* vcol__account_unmoved: who waits for nothing to move may go on */
#ifdef FAULT_EVENT
#define UNMOVED SETTLED
#else
#define UNMOVED LESS_MOVING; sleeps[0] = 0; sleeps[1] = 0
#endif

/* ---- dropping --------------------------------------------------------------------------------------- */

#define EVICTED 0
#define CLEARED 1
#define DOOMED 2

inline free_extent(b) {
    if
    :: extent[b] ->
        whole[b] = 0; /* punched */
        atomic { assert(used > 0); used--; extent[b] = 0 }
    :: else
    fi
}

/* Sets freed: the memory has gone. */
inline drop(b, why) {
    atomic {
        freed = 0;
        if
        :: EVICTABLE(b) && (why != DOOMED || doomed[b]) ->
            BEGIN_MOVING;
            state[b] = EVICTING;
            gone = (why != EVICTED || doomed[b]);
            doomed[b] = 0;
            freed = 1
        :: else
        fi
    }
    if
    :: freed && !gone && !extent[b] ->
        if
        :: skip /* it rests after a failure, or there is no directory */
        :: atomic { assert(mem[b] && used < 2); used++ }
            if
            :: atomic { assert(mem[b] && !extent[b]); extent[b] = 1; whole[b] = good[b] }
            :: atomic { used-- } /* full, or failing */
            fi
        fi;
#ifndef FAULT_KEEP
        if
        :: b == PUT && !extent[b] -> freed = 0; stays = 1
        :: else
        fi
#endif
    :: else
    fi;
    if
    :: stays ->
        atomic {
            stays = 0;
            assert(state[b] == EVICTING);
            state[b] = RESIDENT;
#ifndef FAULT_WAKE
            WAKE(b)
#endif
        }
        atomic { UNMOVED }
    :: !stays && freed ->
        if
        :: gone -> gone = 0; free_extent(b)
        :: else
        fi;
        atomic {
            assert(state[b] == EVICTING && mem[b]);
            assert(b != PUT || cleared || (extent[b] && whole[b]) || closed);
            mem[b] = 0;
            good[b] = 0
        }
        atomic {
            assert(live > 0);
            live--;
            ceiling = (live <= LIMIT -> LIMIT : (live < ceiling -> live : ceiling));
            EVENT
        }
        atomic {
            state[b] = VIRTUAL;
#ifdef FAULT_FLAG
            spilled[b] = 0;
#else
            spilled[b] = extent[b];
#endif
            doomed[b] = 0;
            WAKE(b)
        }
        atomic { SETTLED }
    :: else
    fi
}

/* Sets freed: it was spilled, and has gone. */
inline drop_spilled(b) {
    atomic {
        freed = (state[b] == VIRTUAL && spilled[b]);
        if
        :: freed -> state[b] = EVICTING
        :: else
        fi
    }
    if
    :: freed ->
        free_extent(b);
        atomic { state[b] = VIRTUAL; spilled[b] = 0; doomed[b] = 0; WAKE(b) }
    :: else
    fi
}

/* QUEUED -> VIRTUAL, for who asks for it no more. */
inline take_back(b) {
    atomic {
        if
        :: state[b] == QUEUED -> state[b] = VIRTUAL; doomed[b] = 0; demanded[b] = 0; took = 1; WAKE(b)
        :: else -> took = 0
        fi
    }
}

inline clear(b) {
    do
    :: again == 0 -> again = 1; break
    od;
    do
    :: !again -> break
    :: again && state[b] == VIRTUAL && spilled[b] ->
        drop_spilled(b);
        again = !freed
    :: atomic { again && state[b] == EVICTING ->
#ifdef FAULT_LATE
            again = 0
#else
            asleep[me] = b + 1
#endif
        }
        asleep[me] == 0
    :: atomic { again && state[b] == VIRTUAL && !spilled[b] -> again = 0 }
    :: again && state[b] == QUEUED ->
        was = spilled[b];
        take_back(b);
        if
        :: took && !was -> again = 0
        :: else
        fi;
        took = 0;
        was = 0
    :: again && EVICTABLE(b) ->
        drop(b, CLEARED);
        again = !freed
    :: atomic { again && (state[b] == LOADING || (state[b] == RESIDENT && pins[b] > 0)) -> doomed[b] = 1; again = 0 }
    od;
    freed = 0
}

/* ---- the account -------------------------------------------------------------------------------------- */

#define GRANT live++; granted = 1
#define LEAVE \
    want[me] = 0; \
    head = 1 - me; \
    if \
    :: blocked -> blocked = 0; runnable++ \
    :: else \
    fi; \
    sleeps[0] = 0; sleeps[1] = 0

/* Each buffer that can go is tried once. Sets got. */
inline make_room(b) {
    atomic { making++; got = 0 }
    if
    :: EVICTABLE(1 - b) -> drop(1 - b, EVICTED); got = freed; freed = 0
    :: !EVICTABLE(1 - b) || (1 - b == PUT && !spilled[1 - b]) /* it rests: as good as pinned */
    fi;
    atomic { making-- }
}

/* Nothing can go: once more, sleep, or over the limit. */
#define DECIDE(b) \
    if \
    :: !blocked -> blocked = 1; runnable--; sleeps[0] = 0; sleeps[1] = 0 \
    :: else \
    fi; \
    if \
    :: event[me] \
    :: !event[me] && runnable == 0 && moving == 0 && (!want[1 - me] || head == me) -> \
        assert(state[0] != EVICTING || whole_drop(0)); \
        assert(state[1] != EVICTING || whole_drop(1)); \
        assert(!EVICTABLE(0) || telling > 0); \
        assert(!EVICTABLE(1) || !spilled[1] || telling > 0); \
        GRANT; \
        ceiling = (live > ceiling -> live : ceiling); \
        LEAVE \
    :: else -> sleeps[me] = 1 \
    fi
/* EVICTING without memory: a spilled one that is cleared. */
#define whole_drop(b) (!mem[b])

inline reserve(b) {
    atomic {
        if
        :: !LINE && live < LIMIT -> GRANT; assert(live <= ceiling)
        :: else -> want[me] = 1; head = (want[1 - me] -> 1 - me : me)
        fi
    }
    do
    :: granted -> break
    :: else ->
        atomic {
            sleeps[me] == 0;
            if
            :: head == me && live < LIMIT -> GRANT; assert(live <= ceiling); LEAVE
            :: head == me && live >= LIMIT -> event[me] = 0; look = 1
            :: head != me -> event[me] = 0; DECIDE(b)
            fi
        }
        if
        :: look ->
            look = 0;
            make_room(b);
            if
            :: got -> got = 0
            :: else -> atomic { DECIDE(b) }
            fi
        :: else
        fi
    od;
    granted = 0
}

/* The same for a load that nobody waits for, unless somebody joins: sets fate where there is no memory. */
inline reserve_ahead(b) {
    atomic {
        if
        :: !LINE && live < LIMIT -> GRANT
        :: else
        fi
    }
    if
    :: !granted ->
        make_room(b);
        got = 0;
        atomic {
            if
            :: !LINE && live < LIMIT -> GRANT
            :: else -> fate = STOPPED
            fi
        }
    :: else
    fi;
    granted = 0
}

/* ---- a load ----------------------------------------------------------------------------------------- */

#define TELL(t, b) \
    if \
    :: joined[t] == b + 1 -> told[t] = fate; joined[t] = 0 \
    :: else \
    fi

/* LOADING was the caller's. Sets fate. */
inline run_load(b, ahead) {
    atomic { assert(state[b] == LOADING && !mem[b] && fate == NOTHING); runnable++ }
    if
    :: closing -> fate = FAILED
    :: !closing ->
        if
        :: atomic { b == PUT && !extent[b] -> assert(cleared); fate = FAILED }
        :: atomic { b != PUT || extent[b] }
            if
            :: ahead -> reserve_ahead(b)
            :: else -> reserve(b)
            fi
        fi
    fi;
    if
    :: fate == NOTHING ->
        atomic { assert(!mem[b]); mem[b] = 1 }
        if
        :: extent[b] ->
            if
            :: atomic { good[b] = whole[b]; assert(whole[b]); fate = FILLED } /* read back */
            :: b != PUT -> /* it cannot be read: forgotten, and made */
                free_extent(b);
                atomic { spilled[b] = 0 }
                if
                :: atomic { good[b] = 1; fate = FILLED }
                :: fate = FAILED
                fi
            :: b == PUT -> fate = FAILED /* it cannot be read now */
            fi
        :: !extent[b] ->
            if
            :: atomic { good[b] = 1; fate = FILLED }
            :: fate = FAILED
            fi
        fi;
        if
        :: fate == FAILED ->
            atomic { mem[b] = 0 }
            atomic {
                live--;
                ceiling = (live <= LIMIT -> LIMIT : (live < ceiling -> live : ceiling));
                EVENT
            }
        :: else
        fi
    :: else
    fi;
    atomic {
        assert(state[b] == LOADING);
        if
        :: fate == FILLED ->
            assert(mem[b] && good[b]);
            state[b] = RESIDENT;
            last = (doomed[b] && pins[b] == 0)
        :: else ->
            assert(!mem[b]);
            state[b] = VIRTUAL;
            lost = (doomed[b] && spilled[b]);
            doomed[b] = 0
        fi;
        demanded[b] = 0;
        TELL(0, b);
        TELL(1, b);
        TELL(2, b);
        WAKE(b)
    }
    if
    :: last -> last = 0; drop(b, DOOMED); freed = 0
    :: lost ->
        lost = 0;
#ifndef FAULT_READ
        clear(b)
#endif
    :: else
    fi;
    atomic { runnable--; EVENT }
}

inline unpin(b) {
    atomic { assert(pins[b] > 0); pins[b]--; last = (pins[b] == 0); telling = telling + last }
    if
    :: last ->
        if
        :: doomed[b] -> drop(b, DOOMED); freed = 0
        :: else
        fi;
        atomic {
            if
            :: WAITING -> EVENT
            :: else
            fi;
            telling--;
            last = 0
        }
    :: else
    fi
}

/* Sets ok: pinned and resident; else an error, and no pin. */
inline pin(b) {
    atomic { pins[b]++; ok = (state[b] == RESIDENT) }
    do
    :: ok -> break
    :: else ->
        if
        :: atomic { state[b] == RESIDENT -> ok = 1 }
        :: atomic { state[b] == VIRTUAL || state[b] == QUEUED -> state[b] = LOADING; demanded[b] = 1 }
            run_load(b, 0)
        :: atomic { state[b] == LOADING -> joined[me] = b + 1; demanded[b] = 1 }
            atomic { told[me] != NOTHING -> fate = told[me]; told[me] = NOTHING }
        :: atomic { state[b] == EVICTING -> asleep[me] = b + 1 }
            asleep[me] == 0
        fi;
        if
        :: atomic { fate == FILLED -> fate = NOTHING; assert(state[b] == RESIDENT); ok = 1 }
        :: atomic { fate == FAILED -> fate = NOTHING }
            break
        :: atomic { fate == STOPPED -> fate = NOTHING }
        :: fate == NOTHING
        fi
    od;
    if
    :: ok
    :: else -> unpin(b)
    fi
}

/* ---- the threads ---------------------------------------------------------------------------------- */

#define OPS (me == 0 -> OPS0 : OPS1)

proctype consumer(bit me) {
    byte n, fate;
    bit has[2];
    bit x, ok, last, lost, freed, gone, stays, again, took, was, granted, blocked, look, got;
    bit closed;

    do
    :: atomic { n < OPS && !(has[0] && has[1]) -> n++;
            if
            :: !has[0] -> x = 0
            :: !has[1] -> x = 1
            fi }
        pin(x);
        atomic { has[x] = ok; ok = 0; x = 0 }
    :: atomic { has[0] || has[1] ->
            if
            :: has[0] -> x = 0
            :: has[1] -> x = 1
            fi;
            has[x] = 0;
            assert(state[x] == RESIDENT && mem[x] && good[x]) }
        unpin(x);
        x = 0
    :: atomic { n < OPS && me == 1 -> n++;
            if
            :: x = 0
            :: x = 1; cleared = 1
            fi }
        clear(x);
        atomic { clears = (clears || x == PUT); x = 0 }
    :: atomic { n < OPS && me == 0 && !closing && !(scope[0] || scope[1]) -> n++;
            if
            :: state[0] == VIRTUAL -> x = 0
            :: state[1] == VIRTUAL -> x = 1
            :: state[0] != VIRTUAL && state[1] != VIRTUAL -> x = 0
            fi;
            scope[x] = 1;
            if
            :: state[x] == VIRTUAL -> state[x] = QUEUED
            :: else
            fi;
            x = 0 }
    :: atomic { me == 0 && (scope[0] || scope[1]) -> x = scope[1]; scope[x] = 0 }
        take_back(x);
        took = 0;
        atomic { state[x] != LOADING || demanded[x] -> x = 0 } /* joined */
    :: atomic { n == OPS && !has[0] && !has[1] && !(me == 0 && (scope[0] || scope[1])) -> done++; break }
    od
}

proctype worker() {
    byte fate;
    bit x, last, lost, freed, gone, stays, again, took, was, granted, blocked, look, got;
    byte me = 2;
    bit closed;

end:
    do
    :: atomic { !closing && (state[0] == QUEUED || state[1] == QUEUED) ->
            if
            :: state[0] == QUEUED -> x = 0
            :: state[1] == QUEUED -> x = 1
            fi;
            state[x] = LOADING }
        run_load(x, 1);
        atomic { fate = NOTHING; x = 0 }
    :: closing -> worker_ended = 1; break
    od
}

/* Closes the manager at any time; when the consumers are done, the last handles go. */
proctype closer() {
    bit freed, gone, stays, took, x;
    bit closed;

    closing = 1;
    worker_ended;
    take_back(0);
    take_back(1);
    took = 0;
    done == 2;
    assert(runnable == 0 && moving == 0 && making == 0 && !LINE);
    assert(pins[0] == 0 && pins[1] == 0 && live == mem[0] + mem[1] && used == extent[0] + extent[1]);
    assert(state[0] == VIRTUAL || state[0] == RESIDENT);
    assert(state[1] == VIRTUAL || state[1] == RESIDENT);
    assert(cleared || mem[PUT] || (extent[PUT] && whole[PUT]));
    assert(!clears || (!mem[PUT] && !extent[PUT]));
    closed = 1;
    do
    :: drop(x, CLEARED);
        drop_spilled(x);
        if
        :: x -> break
        :: else -> x = 1
        fi
    od;
    assert(live == 0 && used == 0 && !mem[0] && !mem[1] && !extent[0] && !extent[1] && moving == 0)
}

init {
    atomic {
        state[PUT] = RESIDENT; /* vcol__put_create */
        mem[PUT] = 1;
        good[PUT] = 1;
        live = 1;
        run consumer(0);
        run consumer(1);
        run worker();
        run closer()
    }
}
