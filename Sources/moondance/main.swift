import Command

await Moondance.main()
