/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffer.pml: the life of one buffer, for spin: two consumers (pin, read, unpin, getter with a lease,
 * clear, begin and end of a prefetch scope, in any order), a worker, an evictor, and a generator that
 * may fail. What the code does by one atomic operation is one atomic step here. What it does under the
 * stripe's lock is one too, as long as it touches the word once: taking the lock can be moved down to
 * that operation and dropping it up. Getting, writing and freeing memory are steps of their own, so
 * that a bad interleaving of them shows.
 *
 *   inline or process    transition                              src/core
 *   pin                  +1 pin; RESIDENT: a hit                 vcol__buffer_pin (buffer.h)
 *   pin, its loop        VIRTUAL, QUEUED -> LOADING, or join     join, vcol__buffer_pin_slow (buffer.c)
 *   wait_for             until told; asleep on stripe.changed    vcol__load_wait (load.c)
 *   run_load             get memory, generate                    vcol__load_run (load.c)
 *     stopped?           nobody wants it any more                vcol__load_stopped (load.c)
 *     publish            LOADING -> RESIDENT, told, woken        publish (load.c), success
 *     fail               LOADING -> VIRTUAL, told, woken         publish (load.c), failure
 *   unpin                -1 pin                                  vcol__buffer_unpin (buffer.h)
 *     drop_doomed        after the last pin, if DOOMED           vcol__buffer_unpin_slow (buffer.c)
 *   drop                 RESIDENT, no pin -> EVICTING, free,     drop (buffer.c)
 *                        -> VIRTUAL, woken
 *   clear                by state: nothing, take back, drop, doom  vcol__buffer_clear (buffer.c), after
 *                                                                end_lease (src/dataset/chunk.c)
 *   get                  pin, look, the pin becomes the lease    hold, lease (src/dataset/getters.c)
 *   evictor              drop                                    evict_drop (buffer.c), called by
 *                                                                vcol__evict_make_room (evict.c)
 *   enqueue              VIRTUAL -> QUEUED                       vcol__queue_add (queue.c)
 *   take_back            QUEUED -> VIRTUAL                       vcol__queue_remove (queue.c), for clear and
 *                        LOADING: cancelled                      for give_up (scope.c) at a scope's end
 *   worker               plan (busy); QUEUED -> LOADING; load    plan_next, take_over, vcol__queue_run
 *                                                                (queue.c)
 *
 * The faults (FAULT_...): EVICT, CLEAR, LOADER, WAITER, UNPIN are those of src/core/fault.h; AGAIN and LEASE are ones
 * that the code had, see README.md. Each must be found; run.sh looks after that.
 *
 * What must hold, wherever it is checked:
 *   one instance at most (`live`), and one load at most;
 *   nothing is freed while a pin that saw it resident holds (`holders`);
 *   a reader reads the instance it pinned (`ver`), and what the generator writes to is there;
 *   a lease's memory is there;
 *   an instance or load for which clear was called (`asked`, whatever clear then does) is never there
 *   without pins when no operation is under way;
 *   whoever waits is told (no invalid end state): the result, or the error of that load (`joined`);
 *   a load that was stopped is an error for nobody who wanted it;
 *   in the end there are no pins and no memory but a resident instance's.
 */
#ifndef OPS0
#define OPS0 3 /* operations of the first consumer, which also prefetches */
#endif
#ifndef OPS1
#define OPS1 2 /* operations of the second consumer */
#endif

/* The word: state, DOOMED, pins. The code's version only makes a stale compare and swap fail. */
#define VIRTUAL 0
#define QUEUED 1
#define LOADING 2
#define RESIDENT 3
#define EVICTING 4
#define DOOMED 8
#define PIN 16
#define STATE(x) ((x) & 7)
#define PINS(x) ((x) >> 4)

byte w;
bit busy;      /* load.busy: a thread plans it while it is QUEUED */
bit demanded;  /* load.demanded */
bit cancelled; /* load.cancelled */
bit scope;     /* consumer 0 has a prefetch scope open that names the buffer */
bit lease;     /* the chunk's lease: one pin */
byte queue;    /* tasks that look for this buffer */

/* What becomes of a load, and what a consumer that joined it is told: load.result, load.done. */
#define NOTHING 0
#define FILLED 1
#define FAILED 2
#define STOPPED 3
#define CANCELLED 4 /* FAULT_AGAIN: a stopped load taken for a failed one */
byte told[2];
bit joined[2]; /* holds a reference to the load under way */
bit asleep[2]; /* in pthread_cond_wait */

/* Ghosts: no decision depends on them. */
byte live;     /* instances in memory */
bit ver;       /* which one, mod 2 */
byte holders;  /* pins that saw it resident */
bit asked;     /* clear was called for this load or instance */
byte loaders;  /* loads under way */
byte inop;     /* operations under way */
byte done;     /* consumers that have ended */

/* pthread_cond_broadcast */
#define WAKE asleep[0] = 0; asleep[1] = 0

/* The end of a load, with the lock held: everybody who joined it gets `result`. */
inline tell(result) {
    if
    :: joined[0] -> told[0] = result; joined[0] = 0
    :: else
    fi;
    if
    :: joined[1] -> told[1] = result; joined[1] = 0
    :: else
    fi;
#ifdef FAULT_WAITER
    /* pthread_cond_signal: of two waiters the second sleeps on */
    if
    :: asleep[0] -> asleep[0] = 0
    :: else -> asleep[1] = 0
    fi
#else
    WAKE
#endif
}

inline start_load() {
    cancelled = 0;
    asked = 0;
    loaders++
}

inline give_back() {
    atomic {
        assert(live == 1 && holders == 0);
        live--
    }
}

/* RESIDENT and no pins -> VIRTUAL. Sets got. */
inline drop(need_doomed, ignore_pins) {
    old = w;
    do
    :: STATE(old) != RESIDENT || (PINS(old) > 0 && !ignore_pins) || (need_doomed && !(old & DOOMED)) ->
        got = 0;
        break
    :: else ->
        atomic {
            if
            :: w == old -> w = (w - RESIDENT + EVICTING) & ~DOOMED; got = 1
            :: else -> old = w; got = 0
            fi
        }
        if
        :: got ->
            give_back();
            atomic {
                assert(STATE(w) == EVICTING);
                asked = 0;
                w = w - EVICTING;
                WAKE
            }
            break
        :: else
        fi
    od
}

/* If that was the last pin of a doomed one. */
inline drop_doomed(word, last) {
#ifndef FAULT_UNPIN
    if
    :: PINS(word) == last && (word & DOOMED) -> drop(1, 0)
    :: else
    fi
#else
    skip
#endif
}

inline unpin(saw) {
    atomic {
        assert(PINS(w) > 0);
        old = w;
        w = w - PIN;
        holders = holders - saw
    }
    drop_doomed(old, 1)
}

/* The state is LOADING, by us; pinned is 1 if that is for a pin of our own. Sets fate. */
inline run_load(pinned) {
    if
    :: fate = FAILED /* no memory */
    :: atomic {
            live++;
            assert(live == 1);
            ver = 1 - ver
        }
        if
        :: atomic { assert(live == 1); fate = FILLED } /* written, all of it */
        :: give_back();
            fate = FAILED
        :: cancelled && !demanded -> /* the generator asks and gives up: load.stopped */
            give_back();
            fate = STOPPED
        fi
    fi;
    atomic {
        assert(STATE(w) == LOADING && loaders == 1);
        loaders--;
        demanded = 0;
        if
        :: fate == FILLED ->
            old = w;
            w = w - LOADING + RESIDENT;
            holders = holders + pinned
        :: else ->
            w = (w - LOADING) & ~DOOMED;
            asked = 0;
            old = 0
        fi;
#ifdef FAULT_AGAIN
        /* waiters ask `cancelled`, which a later scope has reset, whether that is an error */
        if
        :: fate == STOPPED && !cancelled -> tell(CANCELLED)
        :: else -> tell(fate)
        fi
#else
        tell(fate)
#endif
    }
    drop_doomed(old, 0)
}

/* Sets ok: 1 = pinned and resident, 0 = an error, and no pin. */
inline pin() {
    atomic {
        old = w;
        w = w + PIN;
        if
        :: STATE(old) == RESIDENT -> holders++; ok = 1; mine = ver
        :: else -> ok = 0
        fi
    }
    if
    :: ok
    :: else ->
        do
        :: atomic { STATE(w) == RESIDENT -> holders++; mine = ver; ok = 1; break }
        :: atomic { STATE(w) == VIRTUAL || (STATE(w) == QUEUED && !busy) ->
                w = w - STATE(w) + LOADING;
                start_load();
                demanded = 1 }
            run_load(1);
            if
            :: fate == FILLED -> mine = ver; ok = 1
            :: else -> assert(fate == FAILED); unpin(0); ok = 0
            fi;
            fate = NOTHING;
            break
#ifdef FAULT_LOADER
        :: atomic { STATE(w) == LOADING -> loaders++; demanded = 1 }
            run_load(1);
            ok = 1;
            break
#else
        :: atomic { STATE(w) == LOADING -> joined[me] = 1; demanded = 1 }
            wait_for();
            if
            :: atomic { told[me] == FAILED -> told[me] = NOTHING }
                unpin(0);
                ok = 0;
                break
            :: atomic { told[me] == FILLED -> told[me] = NOTHING;
                    assert(STATE(w) == RESIDENT);
                    holders++;
                    mine = ver;
                    ok = 1;
                    break }
            :: atomic { told[me] == STOPPED -> told[me] = NOTHING } /* tries again */
            :: told[me] == CANCELLED -> assert(false)
            fi
#endif
        :: atomic { STATE(w) == EVICTING || (STATE(w) == QUEUED && busy) -> asleep[me] = 1 }
            asleep[me] == 0
        od
    fi
}

inline wait_for() {
    do
    :: told[me] != NOTHING -> break
    :: atomic { told[me] == NOTHING -> asleep[me] = 1 }
        asleep[me] == 0
    od
}

/* QUEUED -> VIRTUAL. Sets got. */
inline take_back() {
    do
    :: atomic { STATE(w) != QUEUED -> got = 0; break }
    :: atomic { STATE(w) == QUEUED && !busy -> w = w - QUEUED; got = 1; WAKE; break }
    :: atomic { STATE(w) == QUEUED && busy -> asleep[me] = 1 }
        asleep[me] == 0
    od
}

#define READ assert(live == 1 && ver == mine && STATE(w) == RESIDENT)

/* Where the values are is read while they are pinned; the pin is then the column's lease, if it has none. */
inline get() {
#ifdef FAULT_LEASE
    if
    :: atomic { lease -> mine = ver }
        READ /* with the lease alone, which another thread may end */
    :: else ->
#endif
        pin();
        if
        :: ok ->
            atomic { READ; mine = 0 }
            atomic { had = lease; lease = 1 }
            if
            :: had -> had = 0; unpin(1)
            :: else
            fi
        :: else
        fi
#ifdef FAULT_LEASE
    fi;
    mine = 0
#endif
}

/* Of a chunk's column: its lease ends, then the buffer is cleared. */
inline clear() {
    atomic {
        had = lease;
        lease = 0;
        if
        :: STATE(w) == LOADING || STATE(w) == RESIDENT -> asked = 1
        :: else
        fi
    }
    if
    :: had -> had = 0; unpin(1)
    :: else
    fi;
    do
    :: old = w;
        if
        :: STATE(old) == VIRTUAL || STATE(old) == EVICTING -> break
        :: STATE(old) == QUEUED ->
            take_back();
            if
            :: got -> break
            :: else
            fi
        :: STATE(old) == RESIDENT && PINS(old) == 0 ->
            drop(0, 0);
            if
            :: got -> break
            :: else
            fi
        :: else ->
#ifdef FAULT_CLEAR
            /* frees at once what the loader is writing to */
            if
            :: STATE(old) == LOADING && live > 0 -> give_back()
            :: else
            fi;
#endif
            atomic {
                if
                :: w == old -> w = w | DOOMED; break
                :: else
                fi
            }
        fi
    od
}

#define OPS (me == 0 -> OPS0 : OPS1)
#define BEGIN inop++
#define END atomic { old = 0; ok = 0; got = 0; inop-- }

proctype consumer(bit me) {
    byte old;
    byte n;
    byte fate;
    bit mine; /* the instance that was pinned */
    bit held; /* an explicit pin */
    bit ok;
    bit got;
    bit had;

    do
    :: atomic { n < OPS && !held -> n++; BEGIN }
        pin();
        held = ok;
        END
    :: atomic { held -> BEGIN }
        READ;
        held = 0;
        mine = 0;
        unpin(1);
        END
    :: atomic { n < OPS -> n++; BEGIN }
        clear();
        END
    :: atomic { n < OPS && !held -> n++; BEGIN }
        get();
        END
    :: atomic { me == 0 && !scope && n < OPS && STATE(w) != RESIDENT -> n++; scope = 1; BEGIN }
        do /* enqueue */
        :: atomic { STATE(w) == EVICTING -> asleep[me] = 1 }
            asleep[me] == 0
        :: atomic { STATE(w) == VIRTUAL -> w = w + QUEUED }
            queue++;
            break
        :: atomic { STATE(w) == LOADING -> cancelled = 0; break } /* wanted again */
        :: atomic { STATE(w) == QUEUED || STATE(w) == RESIDENT -> break }
        od;
        END
    :: atomic { me == 0 && scope -> scope = 0; BEGIN }
        take_back();
        atomic {
            if
            :: STATE(w) == LOADING -> cancelled = 1
            :: else
            fi
        }
        END
    :: atomic { n == OPS && !held && !(me == 0 && scope) -> done++; break }
    od
}

proctype worker() {
    byte old;
    byte fate;
    bit got;

end:
    do
    :: atomic { queue > 0 -> queue--; BEGIN }
        if
        :: atomic { STATE(w) == QUEUED -> busy = 1 }
            atomic { busy = 0; WAKE }
        :: else
        fi;
        if
        :: atomic { STATE(w) == QUEUED -> w = w - QUEUED + LOADING; start_load() }
            run_load(0)
        :: else
        fi;
        atomic { old = 0; fate = NOTHING; got = 0; inop-- }
    od
}

#ifdef FAULT_EVICT
#define EVICT_IGNORES 1
#else
#define EVICT_IGNORES 0
#endif

proctype evictor() {
    byte old;
    bit got;

end:
    do
    :: atomic { STATE(w) == RESIDENT && (PINS(w) == 0 || EVICT_IGNORES) -> BEGIN }
        drop(0, EVICT_IGNORES);
        atomic { old = 0; got = 0; inop-- }
    od
}

/* Fires in any state in which a guard holds. */
proctype watch() {
    byte old;
    bit got;

end:
    do
    :: atomic { lease && (live != 1 || STATE(w) != RESIDENT || PINS(w) == 0) -> assert(false) }
    :: atomic { inop == 0 && asked && STATE(w) == RESIDENT && PINS(w) == 0 -> assert(false) }
    :: atomic { inop == 0 && live != (STATE(w) == RESIDENT) -> assert(false) }
    :: atomic { inop == 0 && (w & DOOMED) && PINS(w) == 0 -> assert(false) }
    :: atomic { done == 2 && lease -> lease = 0; BEGIN } /* the chunk is closed */
        unpin(1);
        atomic { old = 0; got = 0; inop-- }
    :: atomic { done == 2 && inop == 0 && !lease && queue == 0 ->
            assert(PINS(w) == 0 && holders == 0 && loaders == 0);
            assert(w == VIRTUAL || w == RESIDENT);
            done = 3 }
    od
}

init {
    atomic {
        run consumer(0);
        run consumer(1);
        run worker();
        run evictor();
        run watch()
    }
}
