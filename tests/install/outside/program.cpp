#include <berth/berth.hpp>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const berth::Model model = berth::Model::load(argv[1]);
    const berth::Matrix scores = model.classify({argv[2]});
    std::cout << berth::version() << ' ' << model.label(scores.best(0)) << '\n';
  } catch (const berth::Error& error) {  // thrown by the header, on this side of the border
    std::cerr << error.what() << '\n';
    return 1;
  }
}
