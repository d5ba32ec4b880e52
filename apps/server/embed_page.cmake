# cmake -DINPUT=page.html -DOUTPUT=page.cpp -P embed_page.cmake
file(READ ${INPUT} page)
# Compilers bound the length of one literal; neighbours become one string.
string(LENGTH "${page}" length)
set(text "// Written by the build from page.html.\n#include \"apps/server/page.hpp\"\n\nnamespace berth::server {\n\nconst std::string_view kPage =\n")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${page}" ${at} 8000 part)
  string(APPEND text "R\"berth_page(${part})berth_page\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUTPUT} "${text};\n\n}  // namespace berth::server\n")
