/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptions of ROOT's own classes, for files without a StreamerInfo record, and for versions whose
 * streamer was written by hand.
 *
 * A member is TYPE[.CLASS][@COUNTER]=NAME with the type numbers of streamer.h.
 * FORMAT root/TBranch version 9 and older: counters are f64, entries and positions i32, the latter i64 where
 * the array's flag is 2. source: root-project/root tree/tree/src/TBranch.cxx (TBranch::Streamer);
 * data/root/gohep-g4-like.root
 */
#ifndef VCOL_ROOT_BUILTIN_H
#define VCOL_ROOT_BUILTIN_H

#include <stdint.h>

#define TREE_LISTS                                                                                           \
    "61.TObjArray=fBranches 61.TObjArray=fLeaves 64.TList=fAliases 62.TArrayD=fIndexValues "                 \
    "62.TArrayI=fIndex 64.TVirtualIndex=fTreeIndex 64.TList=fFriends 64.TList=fUserInfo"
#define TREE_HEAD                                                                                            \
    "67=TNamed 0=TAttLine 0=TAttFill 0=TAttMarker 16=fEntries 16=fTotBytes 16=fZipBytes 16=fSavedBytes "     \
    "16=fFlushedBytes 8=fWeight 3=fTimerInterval 3=fScanField 3=fUpdate 3=fDefaultEntryOffsetLen "           \
    "6=fNClusterRange 16=fMaxEntries 16=fMaxEntryLoop 16=fMaxVirtualSize 16=fAutoSave 16=fAutoFlush "        \
    "16=fEstimate 56@fNClusterRange=fClusterRangeEnd 56@fNClusterRange=fClusterSize "
#define BRANCH_LISTS "61.TObjArray=fBranches 61.TObjArray=fLeaves 61.TObjArray=fBaskets "
#define BRANCH_HEAD  "67=TNamed 0=TAttFill 3=fCompress 3=fBasketSize 3=fEntryOffsetLen 3=fWriteBasket "
#define BRANCH_TAIL                                                                                          \
    "16=fTotBytes 16=fZipBytes " BRANCH_LISTS                                                                \
    "43@fMaxBaskets=fBasketBytes 56@fMaxBaskets=fBasketEntry 56@fMaxBaskets=fBasketSeek 65=fFileName"
#define BRANCH_OLD                                                                                           \
    "8=fEntries 8=fTotBytes 8=fZipBytes " BRANCH_LISTS                                                       \
    "43@fMaxBaskets=fBasketBytes 43@fMaxBaskets=fBasketEntry 43@fMaxBaskets=fBasketSeek 65=fFileName"
#define ELEMENT                                                                                              \
    "0=TBranch 65=fClassName 65=fParentName 65=fClonesName 13=fCheckSum 2=fClassVersion 3=fID 3=fType "      \
    "3=fStreamerType 3=fMaximum 64=fBranchCount 64=fBranchCount2"
#define MATRIX "66=TObject 3=fNrows 3=fNcols 3=fRowLwb 3=fColLwb 6=fNelems 6=fNrowIndex "

static const struct {
    const char *name;
    int32_t version;
    int always; /* also where the file describes this version */
    const char *members;
} builtin_classes[] = {
    {"TTree", 20, 0, TREE_HEAD "62.ROOT::TIOFeatures=fIOFeatures " TREE_LISTS},
    {"TTree", 19, 0, TREE_HEAD TREE_LISTS},
    {"TNtuple", 2, 0, "0=TTree 3=fNvar"},
    {"TNtupleD", 1, 0, "0=TTree 3=fNvar"},
    {"TBranch", 13, 0,
     BRANCH_HEAD "16=fEntryNumber 62.ROOT::TIOFeatures=fIOFeatures 3=fOffset 6=fMaxBaskets 3=fSplitLevel "
                 "16=fEntries 16=fFirstEntry " BRANCH_TAIL},
    {"TBranch", 12, 0,
     BRANCH_HEAD
     "16=fEntryNumber 3=fOffset 6=fMaxBaskets 3=fSplitLevel 16=fEntries 16=fFirstEntry " BRANCH_TAIL},
    {"TBranch", 11, 0,
     BRANCH_HEAD
     "16=fEntryNumber 3=fOffset 6=fMaxBaskets 3=fSplitLevel 16=fEntries 16=fFirstEntry " BRANCH_TAIL},
    {"TBranch", 10, 0,
     BRANCH_HEAD "16=fEntryNumber 3=fOffset 6=fMaxBaskets 3=fSplitLevel 16=fEntries " BRANCH_TAIL},
    {"TBranch", 9, 1, BRANCH_HEAD "3=fEntryNumber 3=fOffset 6=fMaxBaskets 3=fSplitLevel " BRANCH_OLD},
    {"TBranch", 8, 1, BRANCH_HEAD "3=fEntryNumber 3=fOffset 6=fMaxBaskets 3=fSplitLevel " BRANCH_OLD},
    {"TBranch", 7, 1,
     "67=TNamed 3=fCompress 3=fBasketSize 3=fEntryOffsetLen 3=fWriteBasket 3=fEntryNumber 3=fOffset "
     "6=fMaxBaskets "
     "3=fSplitLevel " BRANCH_OLD},
    {"TBranch", 6, 1,
     "67=TNamed 3=fCompress 3=fBasketSize 3=fEntryOffsetLen 3=fWriteBasket 3=fEntryNumber 3=fOffset "
     "6=fMaxBaskets " BRANCH_OLD},
    {"TBranchElement", 10, 0, ELEMENT},
    {"TBranchElement", 9, 0,
     "0=TBranch 65=fClassName 65=fParentName 65=fClonesName 13=fCheckSum 3=fClassVersion 3=fID 3=fType "
     "3=fStreamerType 3=fMaximum 64=fBranchCount 64=fBranchCount2"},
    {"TBranchObject", 1, 0, "0=TBranch 65=fClassName"},
    {"TBranchRef", 1, 0, "0=TBranch 64=fRefTable"},
    {"TFriendElement", 2, 0, "67=TNamed 65=fTreeName 18=fOwnFile"},
    {"TFriendElement", 1, 0, "67=TNamed"},
    {"TLeaf", 2, 0, "67=TNamed 3=fLen 3=fLenType 3=fOffset 18=fIsRange 18=fIsUnsigned 64=fLeafCount"},
    {"TLeafO", 1, 0, "0=TLeaf 18=fMinimum 18=fMaximum"},
    {"TLeafB", 1, 0, "0=TLeaf 1=fMinimum 1=fMaximum"},
    {"TLeafC", 1, 0, "0=TLeaf 3=fMinimum 3=fMaximum"},
    {"TLeafS", 1, 0, "0=TLeaf 2=fMinimum 2=fMaximum"},
    {"TLeafI", 1, 0, "0=TLeaf 3=fMinimum 3=fMaximum"},
    {"TLeafL", 1, 0, "0=TLeaf 16=fMinimum 16=fMaximum"},
    {"TLeafG", 1, 0, "0=TLeaf 16=fMinimum 16=fMaximum"},
    {"TLeafF", 1, 0, "0=TLeaf 5=fMinimum 5=fMaximum"},
    {"TLeafD", 1, 0, "0=TLeaf 8=fMinimum 8=fMaximum"},
    {"TLeafF16", 1, 0, "0=TLeaf 5=fMinimum 5=fMaximum"},
    {"TLeafD32", 1, 0, "0=TLeaf 8=fMinimum 8=fMaximum"},
    {"TLeafElement", 1, 0, "0=TLeaf 3=fID 3=fType"},
    {"TLeafObject", 4, 0, "0=TLeaf 18=fVirtual"},
    {"TMatrixTBase<double>", 5, 0, MATRIX "8=fTol"},
    {"TMatrixTBase<float>", 5, 0, MATRIX "5=fTol"},
    /* only to be known by name */
    {"TChain", 0, 0, "0=TTree"},
    {"TBasket", 0, 0, ""},
    {"TNamed", 0, 0, ""},
    {"TObjArray", 0, 0, ""},
    {"TList", 0, 0, ""},
    {"TTreeIndex", 0, 0, ""},
};

#endif
