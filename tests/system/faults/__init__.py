"""Faults, one after the other: what is broken or hostile, and the tests that show what it costs.

Those of this folder run the real program, with a bounded load, and count the admissions that fail; where a fault is
shown elsewhere already, that test stands here too. `test_list.py` checks that each of them exists, and that no test of
this folder is missing here.

F-01 A registry is down, or its name is not resolved: what is verified stays so, its new images are denied in time, and
     other registries are asked as ever.
         tests/system/faults/test_registry_outages.py
             test_f_01_while_a_registry_is_down_what_is_verified_stays_so_and_others_are_asked_as_ever
             test_f_01_a_registry_that_cannot_be_reached_costs_its_own_images_a_denial_in_time
         tests/system/faults/test_starved.py
             test_f_01_a_name_server_that_never_answers_costs_a_denial_in_time
         tests/system/test_outages.py
             test_what_is_verified_stays_so_while_its_registry_is_down
         tests/registry/test_second_tries.py
             test_f_01_a_registry_that_is_down_is_not_dialled_for_a_while_and_others_are
             test_f_01_a_registry_that_takes_no_connection_in_time_is_unavailable
         tests/registry/test_names.py
             test_names_that_are_never_resolved_hold_up_nothing_else
F-02 A registry is slow or unsteady: it is left alone for a while, tried by a few, and used again within half a minute.
         tests/system/faults/test_registry_outages.py
             test_f_02_what_a_slow_registry_did_not_answer_in_time_is_admitted_from_memory_later
             test_f_02_a_registry_that_fails_is_left_alone_and_used_again_soon_after_it_is_back
             test_f_02_a_registry_that_fails_every_other_time_is_asked_a_bounded_number_of_times
         tests/registry/test_second_tries.py
             test_f_02_a_registry_that_fails_is_left_alone_and_used_again_when_it_is_back
         tests/registry/test_outages_and_decisions.py
             test_f_02_a_pod_is_denied_while_its_registry_fails_and_admitted_as_soon_as_it_is_back
         tests/registry/test_circuits.py
             test_each_probe_that_fails_doubles_the_time_up_to_its_ceiling
F-03 A registry answers 429: it is not asked before it says.
         tests/system/faults/test_registry_outages.py
             test_f_03_a_registry_that_was_asked_too_often_is_not_asked_before_it_says
         tests/registry/test_second_tries.py
             test_reg_09_a_registry_that_was_asked_too_often_is_not_asked_before_it_says
F-06 The API server is away, or ends a watch: what was known holds, within a bound, and changes are caught up with.
         tests/system/test_cluster_policies.py
             test_what_was_known_holds_while_the_api_server_is_away
         tests/kube/test_policies.py
             test_what_was_known_holds_through_an_outage_and_changes_in_it_are_caught_up_with
             test_after_too_long_without_a_word_everything_is_denied_until_there_is_one
             test_a_watch_that_the_api_server_ends_in_error_begins_with_a_new_list
F-07 The right to read is taken away: it is said, what was known holds, and what has to be known is denied.
         tests/system/test_cluster_policies.py
             test_what_was_known_holds_while_it_may_not_read_policies_any_more
         tests/system/test_outages.py
             test_a_selector_that_cannot_be_decided_denies
F-08 A rolling update under 200 creations a second: none fails.
         tests/system/faults/test_replicas.py
             test_f_08_a_rolling_update_fails_no_creation
F-09 The API server sends a request on a connection as it is closed: an idle one outlives the API server's 90 s.
         tests/system/faults/test_slow_clients.py
             test_f_09_a_connection_is_never_closed_under_a_request_of_the_api_server
         tests/server/test_limits.py
             test_an_idle_connection_outlives_that_of_the_api_server
F-10 A replica ends: readiness goes first, all that comes is answered, and each answer ends its connection.
         tests/system/test_serving.py
             test_a_replica_that_goes_fails_no_request
             test_a_request_that_is_under_way_at_the_end_gets_its_answer
         tests/server/test_drain.py
             test_readiness_goes_first_and_requests_are_still_answered
             test_a_late_connection_is_answered_and_closed
             test_a_review_in_flight_is_finished_after_the_drain
F-11 One of three replicas is killed: what it had under way fails, and nothing after it was noticed.
         tests/system/faults/test_replicas.py
             test_f_11_of_three_replicas_one_is_killed_and_those_that_it_had_fail_and_no_others
F-12 All replicas are killed: nothing is admitted unjudged, their own namespace is not asked about, and a new replica is
     all that it takes.
         tests/system/faults/test_replicas.py
             test_f_12_with_all_replicas_gone_nothing_is_admitted_unjudged_and_nobody_has_to_help
         tests/system/test_outages.py
             test_nothing_is_admitted_unjudged_while_it_is_down
             test_what_mends_a_cluster_starts_while_it_is_down
         tests/system/faults/test_release.py
             test_with_everything_killed_repairs_are_possible_and_nobody_has_to_help
F-13 A replica that has not read the policies is not ready, and denies.
         tests/kube/test_policies.py
             test_nothing_is_ready_and_all_is_denied_before_both_kinds_were_listed
         tests/server/test_cluster_policies_program.py
             test_it_is_ready_when_it_has_policies_and_denies_by_them_and_by_those_with_a_fault
F-14 Certificates and their authorities are renewed while pods are created: no creation fails.
         tests/system/test_certificates.py
             test_certificates_and_authorities_change_while_pods_are_created
         tests/system/test_rotation.py
             test_a_change_of_certificate_and_authority_fails_no_creation
         tests/controller/test_certificates_walk.py
             test_for_two_years_every_certificate_that_a_replica_may_show_is_accepted
             test_a_new_authority_is_trusted_for_a_minute_before_it_is_used_and_the_old_one_for_ten_after
F-15 The certificate's Secret is lost or spoiled, or what the API server trusts is: it heals within two minutes, and no
     creation fails for the Secret's sake.
         tests/system/faults/test_release.py
             test_f_15_a_secret_that_is_lost_or_spoiled_is_made_anew_and_no_creation_fails
         tests/system/test_certificates.py
             test_a_deleted_secret_is_made_anew_while_pods_are_created
             test_a_spoiled_bundle_is_mended_and_told
         tests/controller/test_certificates_keeper.py
             test_a_spoiled_secret_is_mended_in_one_look
             test_other_names_are_certified_at_once
         tests/controller/test_certificates_rotation.py
             test_an_expired_authority_is_replaced_with_all_it_issued
             test_a_certificate_that_cannot_be_used_is_made_anew_by_the_same_authority
         tests/controller/test_certificates_walk.py
             test_whatever_is_interrupted_lost_or_spoiled_no_replica_shows_what_is_not_accepted
F-16 The wall clock is wrong or jumps: caches, circuits and deadlines do not look at it, and a certificate is judged at
     the time that is proved for its signature.
         tests/system/faults/test_clock.py
             test_f_16_what_is_verified_stays_so_for_its_hour_whatever_the_wall_clock_says
             test_f_16_what_is_not_signed_is_looked_up_again_after_its_seconds_whatever_the_wall_clock_says
             test_f_16_a_registry_is_left_alone_for_its_seconds_whatever_the_wall_clock_says
         tests/signatures/attacks/test_times.py
             test_a_certificate_holds_at_every_time_that_is_proved
             test_times_in_the_future_are_refused
F-17 Thousands of pods of one new image: one of each request to its registry, and nobody's failure or deadline is
     another's.
         tests/system/faults/test_stampede.py
             test_f_17_five_thousand_pods_of_one_new_image_cost_its_registry_one_of_each_request
             test_f_17_pods_of_one_namespace_that_there_is_no_room_for_are_admitted_when_they_come_again
             test_f_17_who_waits_has_a_deadline_of_its_own_and_the_work_goes_on
             test_f_17_a_failure_is_told_to_all_who_wait_and_kept_for_nobody
         tests/admission/test_verification.py
             test_five_thousand_pods_of_one_new_image_ask_once
F-18 As many new images as pods: a registry is asked about a few at once, namespaces take turns, and what there is no
     room for is turned away at once, to come again.
         tests/system/faults/test_stampede.py
             test_f_18_a_namespace_with_very_many_new_images_holds_up_no_other
             test_f_18_while_very_many_new_images_wait_all_known_ones_are_admitted
         tests/server/test_limits.py
             test_who_waits_for_room_in_vain_is_asked_to_come_again
F-19 Whatever is as large as it may be, many times at once, keeps to the memory limit of the chart.
         tests/system/faults/test_hostile_sizes.py
             test_f_19_fifty_hostile_manifests_of_four_mebibytes_at_once_keep_to_the_memory_limit
             test_f_19_a_hundred_reviews_of_ten_mebibytes_at_once_keep_to_the_memory_limit
         tests/server/test_limits.py
             test_without_room_the_api_server_is_asked_to_come_again
F-20 What is dear to compute holds up neither probes nor what is known. (F-19's tests look at both too.)
         tests/system/faults/test_hostile_sizes.py
             test_f_20_very_many_signatures_that_do_not_hold_keep_nobody_waiting
         tests/server/test_drain.py
             test_a_stall_of_the_event_loop_is_a_metric
F-22 Something that every machine has is missing: it starts, serves what it can, denies the rest, and recovers.
         tests/system/faults/test_starved.py
             test_f_22_without_file_descriptors_those_who_are_connected_are_served_and_later_all_are
             test_f_22_it_serves_where_nothing_can_be_written
             test_f_22_without_ipv4_and_without_a_name_server_it_starts_and_denies_cleanly
         tests/server/test_entrance.py
             test_without_a_free_file_descriptor_it_tries_again_later
         tests/system/test_image.py
             test_it_serves_a_cluster_with_nothing_that_it_could_write_to
F-23 The controller that works is killed as it writes reports, or loses its Lease: another goes on, each report is there
     once, and no creation fails.
         tests/system/faults/test_release.py
             test_f_23_the_leading_controller_is_killed_as_it_writes_and_the_other_one_goes_on
         tests/system/test_controller_together.py
             test_what_is_lost_with_the_lease_in_the_midst_of_a_scan_is_everything
         tests/system/test_controller.py
             test_one_whose_lease_is_taken_ends
         tests/controller/test_reporting.py
             test_another_controller_writes_no_second_report
             test_two_controllers_at_once_end_with_one_report_and_a_conflict
F-24 The API server takes no report (409, 413, 429): that is counted, tried again after the next scan, and waited for by
     nobody.
         tests/controller/test_reporting.py
             test_what_the_api_server_refuses_is_counted_and_the_others_are_written
             test_a_report_that_somebody_changed_meanwhile_is_written_after_the_next_scan
             test_an_api_server_that_is_down_is_given_up_soon
             test_a_large_cluster_is_written_at_a_bounded_rate_in_a_bounded_time
         tests/system/test_reports.py
             test_a_scan_that_finds_the_same_writes_nothing_whoever_made_it
F-25 A policy has a field that this version does not know: it is kept, and denies what it matches.
         tests/system/test_cluster_policies.py
             test_the_api_server_keeps_unknown_fields_for_us_to_refuse
             test_a_policy_binds_every_replica_as_it_is_written_broken_mended_and_deleted
         tests/system/test_controller.py
             test_kubectl_shows_whether_a_policy_is_used
F-29 A release is upgraded, rolled back and uninstalled, by either helm: nothing that blocks is left behind, and what an
     emergency takes away comes back with an upgrade alone.
         tests/system/test_whole_release.py
             test_a_release_by_its_defaults_lives_and_leaves_nothing
         tests/system/test_helm_lifecycle.py
             test_a_release_is_installed_changed_rolled_back_and_gone
             test_webhooks_that_the_controller_wrote_to_can_go
             test_while_nothing_answers_pods_are_made_where_repairs_are_and_nowhere_else
             test_a_given_certificate_gives_way_to_one_that_the_controller_makes
             test_a_certificate_that_the_controller_made_gives_way_to_a_given_one_and_back
         tests/system/faults/test_release.py
             test_a_configuration_that_is_deleted_in_an_emergency_stays_so_until_an_upgrade
F-30 All nodes are drained, one by one, under 200 creations a second: none fails.
         tests/system/faults/test_replicas.py
             test_f_30_nodes_drained_one_by_one_fail_no_creation
F-31 A pod holds a thousand connections on which nothing comes: no request of the API server fails.
         tests/system/faults/test_slow_clients.py
             test_f_31_a_thousand_slow_connections_of_a_pod_fail_no_request_of_the_api_server
         tests/server/test_entrance.py
             test_a_crowd_that_says_nothing_holds_up_nobody_and_is_held_to_its_bounds
"""
