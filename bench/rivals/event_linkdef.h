// SPDX-License-Identifier: BSD-3-Clause
// For rootcling: what the dictionary of event.hpp holds.
#ifdef __CLING__
#pragma link off all globals;
#pragma link C++ struct Header+;
#pragma link C++ struct Point+;
#pragma link C++ struct Vertex+;
#pragma link C++ struct Track+;
#pragma link C++ struct Jet+;
#pragma link C++ struct Hit+;
#pragma link C++ struct Event+;
#pragma link C++ class std::vector<Track>+;
#pragma link C++ class std::vector<Jet>+;
#pragma link C++ class std::vector<std::vector<float>>+;
#endif
